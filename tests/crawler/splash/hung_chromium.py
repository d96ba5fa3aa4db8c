"""Crawls while Chromium is stopped, killed, or has its pipe blocked, again and again.

Run ``python -m tests.crawler.splash.hung_chromium --pages 300``. It checks that the rows are the site's, and that no
page failed or used a retry of its own. With ``--servers 2`` the crawl has two renderers at SPLASH_URL, else its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

from models.session import make_engine
from tests.crawls import scrapy
from tests.processes import server
from tests.renderer.deaf_chromium import DeafChromium
from tests.spiders.demo_truth import assert_true

PAUSE = 2.0  # seconds
FIRST = 5  # pages that come before the first disturbance
KINDS = ("stop the browser", "block the pipe", "kill the browser", "stop the network", "stop all of it")


class Disturbance:
    """Disturbs the Chromiums of this program one after the other, in each way in turn."""

    def __init__(self, chromium: DeafChromium, database: Path, times: int, pause: float) -> None:
        """Leave each Chromium in peace for ``pause`` seconds, and the first one until the crawl has pages."""
        self.chromium, self.database, self.times, self.pause = chromium, database, times, pause
        self.done: Counter[str] = Counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Disturbance:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.chromium.deaf.unlink(missing_ok=True)

    def _run(self) -> None:
        if not self._until(lambda: pages_done(self.database) >= FIRST):
            return
        for number in range(self.times):
            if self._over.wait(self.pause) or not self._until(lambda: bool(self._leaders())):
                return
            leader = self._leaders()[number % len(self._leaders())]
            kind = KINDS[number % len(KINDS)]
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                self._disturb(kind, leader)
                self.done[kind] += 1
            self._until(lambda gone=leader: not psutil.pid_exists(gone))  # type: ignore[misc]
            self.chromium.deaf.unlink(missing_ok=True)

    def _until(self, condition: Callable[[], bool]) -> bool:
        while not condition():
            if self._over.wait(0.1):
                return False
        return True

    def _leaders(self) -> list[int]:
        """Return the process ids of the Chromiums that are older than the pause."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                is_old = time.time() - process.create_time() > self.pause
                if is_old and str(self.chromium.program) in process.cmdline()[:2]:
                    found.append(process.pid)
        return sorted(found)

    def _disturb(self, kind: str, leader: int) -> None:
        if kind == "block the pipe":
            self.chromium.deaf.touch()
            return
        processes = {one: " ".join(one.cmdline()) for one in psutil.Process(leader).children(recursive=True)}
        for process, line in processes.items():
            is_browser = "--type=" not in line and "/sh" not in line.partition(" ")[0]
            if kind == "kill the browser":
                if is_browser:
                    os.kill(process.pid, signal.SIGKILL)
            elif {
                "stop the browser": is_browser,
                "stop the network": "NetworkService" in line,
                "stop all of it": True,
            }[kind]:
                os.kill(process.pid, signal.SIGSTOP)


def pages_done(database: Path) -> int:
    """Return the number of pages that are done in the crawl's database."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection,
    ):
        (done,) = connection.execute("SELECT count(*) FROM crawl_request WHERE state = 'done'").fetchone()
        return int(done)
    return 0


def crawl_disturbed(
    folder: Path, pages: int, times: int, *, servers: int = 0, pause: float = PAUSE
) -> dict[str, int]:
    """Crawl so many pages, disturb Chromium at most ``times`` times, and return the crawl's numbers.

    Raises:
        AssertionError: rows are missing or wrong, or a page failed.
    """
    chromium = DeafChromium.make(folder)
    database = f"sqlite:///{folder}/x.db"
    with contextlib.ExitStack() as stack:
        shop = stack.enter_context(server("demo", "--port", "0", "--books", str(pages), "--exit-with-stdin"))
        renderer = ("renderer", "--port", "0", "--exit-with-stdin", "--chromium", str(chromium.program))
        urls = [stack.enter_context(server(*renderer)) for _ in range(servers)]
        disturbance = stack.enter_context(Disturbance(chromium, folder / "x.db", times, pause))
        # Small batches: the database shows soon that the crawl has pages.
        env = {"SPLASH_URL": ",".join(urls), "CHROMIUM": str(chromium.program), "DATABASE_BATCH_ROWS": "10"}
        done = scrapy("crawl", "books", DATABASE_URL=database, DEMO_URL=shop, deadline=580, **env)
        log = done.stderr
        assert done.returncode == 0, log[-4000:]
        engine = make_engine(database)
        assert_true(engine, shop, "books", "reviews")
        engine.dispose()
    numbers = {name: int(value) for name, value in re.findall(r"'([\w/]+)': (\d+)", log)}
    for name in ("pages/failed", "retry/count"):
        assert not numbers.get(name), log[-4000:]
    return numbers | disturbance.done


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--times", type=int, default=1000, help="the most disturbances of Chromium")
    parser.add_argument("--servers", type=int, default=0, help="renderers at SPLASH_URL; 0: the crawl's own")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        numbers = crawl_disturbed(Path(folder), options.pages, options.times, servers=options.servers)
    told = {name: value for name, value in numbers.items() if name in KINDS or name.startswith("renderer/")}
    sys.stdout.write(f"all rows are right, no page failed; {time.monotonic() - began:.0f} s; {told}\n")


if __name__ == "__main__":
    main()
