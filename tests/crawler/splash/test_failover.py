"""Failover: a renderer that ends, hangs or answers nonsense costs no page. Real processes, killed during their work."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from crawler.run.verdict import INTERRUPTED
from models.session import make_engine
from tests.crawler.splash.flaky_renderer import FlakyRenderer, broken, dying_of, free_port, silent
from tests.crawler.splash.hung_chromium import KINDS, crawl_disturbed, pages_done
from tests.crawls import ROOT, scrapy
from tests.processes import server
from tests.spiders.demo_truth import assert_true

BOOKS = 60
OFTEN = {"DATABASE_BATCH_ROWS": "10"}  # the database shows soon how many pages are done


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with server("demo", "--port", "0", "--books", str(BOOKS), "--exit-with-stdin") as url:
        yield url


@pytest.fixture(scope="module")
def few_books() -> Iterator[str]:
    with server("demo", "--port", "0", "--books", "20", "--exit-with-stdin") as url:
        yield url


class Crawl:
    """A crawl of the books: its exit code, its log, and a check of the rows."""

    def __init__(self, folder: Path, site: str, *options: str, spider: str = "books", **env: str) -> None:
        self.database, self.site = f"sqlite:///{folder}/x.db", site
        self.done = scrapy("crawl", spider, *options, DATABASE_URL=self.database, DEMO_URL=site, **env)

    @property
    def log(self) -> str:
        return self.done.stderr

    def assert_complete(self) -> None:
        assert self.done.returncode == 0, self.log[-4000:]
        assert self.stat("pages/failed") == 0, self.log[-4000:]
        engine = make_engine(self.database)
        assert_true(engine, self.site, "books", "reviews")
        engine.dispose()

    def stat(self, name: str) -> int:
        found = re.search(rf"'{re.escape(name)}': (\d+)", self.log)
        return int(found[1]) if found else 0


def after_pages(folder: Path, number: int, act: Callable[[], object]) -> None:
    """Call ``act`` in a thread as soon as a crawl has this many pages done."""

    def watch() -> None:
        until = time.monotonic() + 200
        while time.monotonic() < until:
            if pages_done(folder / "x.db") >= number:
                break
            time.sleep(0.1)  # between two looks
        act()

    threading.Thread(target=watch, daemon=True).start()


def test_a_crawl_with_two_renderers_that_are_killed_again_and_again_is_complete(
    tmp_path: Path, shop: str
) -> None:
    ports, database = (free_port(), free_port()), tmp_path / "x.db"
    with (
        FlakyRenderer(ports[0], database=database, every=20) as one,
        FlakyRenderer(ports[1], database=database, every=25) as other,
    ):
        urls = ", ".join(f"http://127.0.0.1:{port}" for port in ports)
        crawl = Crawl(tmp_path, shop, SPLASH_URL=urls, **OFTEN)
    crawl.assert_complete()
    assert one.kills + other.kills >= 2
    assert crawl.stat("renderer/rests") >= 1
    assert crawl.stat("retry/count") == 0  # none of the failures was a page's


def test_a_crawl_with_one_renderer_that_is_killed_again_and_again_is_complete(
    tmp_path: Path, shop: str
) -> None:
    port = free_port()
    with FlakyRenderer(port, database=tmp_path / "x.db", every=20) as one:
        crawl = Crawl(tmp_path, shop, SPLASH_URL=f"http://127.0.0.1:{port}", **OFTEN)
    crawl.assert_complete()
    assert one.kills >= 1 and crawl.stat("renderer/rests") >= 1


def test_a_crawl_with_splash_and_a_renderer_that_is_killed_is_complete(
    tmp_path: Path, shop: str, real_splash: str
) -> None:
    port = free_port()
    with FlakyRenderer(port, database=tmp_path / "x.db", every=20):
        crawl = Crawl(tmp_path, shop, SPLASH_URL=f"{real_splash} http://127.0.0.1:{port}", **OFTEN)
    crawl.assert_complete()


def test_a_crawl_starts_its_killed_renderer_again(tmp_path: Path, shop: str) -> None:
    kills: list[int] = []

    def kill() -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                ours = str(tmp_path) in process.environ().get("DATABASE_URL", "")
                if ours and process.cmdline()[1:3] == ["-m", "renderer"]:
                    process.kill()
                    kills.append(process.pid)

    for done in (10, 35):
        after_pages(tmp_path, done, kill)
    crawl = Crawl(tmp_path, shop, SPLASH_URL="")
    crawl.assert_complete()
    assert len(set(kills)) == 2 and crawl.log.count("starting it again") == 2


QUICK = """
import crawler.splash.ping
import crawler.splash.render_arguments
from spiders.books import BooksSpider

crawler.splash.ping.PING_SECONDS = 2.0
crawler.splash.render_arguments.SPARE_SECONDS = 2.0

class Quick(BooksSpider):
    name = "quick"
    wait_timeout = 3.0
"""


def test_a_renderer_that_never_answers_gets_no_page(
    tmp_path: Path, few_books: str, chromium_renderer: str
) -> None:
    (tmp_path / "quick.py").write_text(QUICK)
    with silent() as url:
        crawl = Crawl(
            tmp_path, few_books, "-s", "SPIDER_MODULES=quick",
            spider="quick", SPLASH_URL=f"{url},{chromium_renderer}", PYTHONPATH=str(tmp_path),
        )  # fmt: skip
    crawl.assert_complete()
    assert f"the renderer at {url}/ does not answer (timed out)" in crawl.log
    assert crawl.stat("renderer/lost_pages/DownloadTimeoutError") == 0


@pytest.mark.parametrize("pings", [True, False])
def test_pages_of_a_renderer_that_answers_500_go_to_the_other_one(
    tmp_path: Path, few_books: str, chromium_renderer: str, pings: bool
) -> None:
    with broken(500, pings=pings) as (url, asked):
        crawl = Crawl(tmp_path, few_books, SPLASH_URL=f"{url} {chromium_renderer}")
    crawl.assert_complete()
    assert len(asked) == crawl.stat("renderer/lost_pages/500")
    assert (0 < len(asked) < 12) if pings else not asked


def test_pages_of_a_renderer_that_hangs_go_to_the_other_one_after_their_timeout(
    tmp_path: Path, few_books: str, chromium_renderer: str
) -> None:
    (tmp_path / "quick.py").write_text(QUICK)
    with broken(200, pings=True, hangs=True) as (url, asked):
        crawl = Crawl(
            tmp_path, few_books, "-s", "DOWNLOAD_TIMEOUT=1", "-s", "SPIDER_MODULES=quick",
            spider="quick", SPLASH_URL=f"{url} {chromium_renderer}", PYTHONPATH=str(tmp_path),
        )  # fmt: skip
    crawl.assert_complete()
    assert crawl.stat("renderer/lost_pages/DownloadTimeoutError") >= len(asked) > 0
    # Splash's time (3 s for wait_for, 2 s to spare) and 5 s more, not DOWNLOAD_TIMEOUT.
    assert "took longer than 10" in crawl.log


POISONED = """
import crawler.splash.server_list
from spiders.base import SiteSpider

crawler.splash.server_list.LONGEST_BACKOFF_OF_ALL = 0.3

class Poisoned(SiteSpider):
    name = "poisoned"
    custom_settings = {"ROBOTSTXT_OBEY": False, "DOWNLOAD_DELAY": 0}

    async def start(self):
        for number in range(40):
            yield self.render(f"http://site.example/{'poison' if number == 20 else number}")

    def parse(self, response):
        pass
"""


def test_a_page_that_ends_every_renderer_fails_and_no_other_page_fails(tmp_path: Path) -> None:
    (tmp_path / "poisoned.py").write_text(POISONED)
    with dying_of("poison") as (url, asked):
        done = scrapy(
            "crawl", "poisoned", "-s", "SPIDER_MODULES=poisoned", DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
            SPLASH_URL=url, PYTHONPATH=str(tmp_path),
        )  # fmt: skip
    log = done.stderr
    assert "'pages/done': 39" in log and "'pages/failed': 1" in log
    assert (
        "http://site.example/poison: retry budget exhausted: each renderer that had this page failed" in log
    )
    tried = [url for url in asked if "poison" in url]
    assert 12 <= len(tried) <= 16 and len(asked) - len(tried) == 39


GUILTY = """
from scrapy_splash import SplashRequest
from spiders.base import SiteSpider

SLOW = "function main(splash) splash:wait(5) return 1 end"
RAISES = "function main(splash) error('no') end"
STATUS = "function main(splash) splash:set_result_status_code(503) return 'mine' end"

class Guilty(SiteSpider):
    name = "guilty"
    handle_httpstatus_all = True
    custom_settings = {"ROBOTSTXT_OBEY": False, "RETRY_TIMES": 1}

    def script(self, name, script, **args):
        return SplashRequest(f"{self.settings['DEMO_URL']}/?{name}", endpoint="execute",
            args={"lua_source": script, **args}, cache_args=["lua_source"])

    async def start(self):
        yield self.script("slow", SLOW, timeout=1)
        yield self.script("raises", RAISES)
        yield self.script("status", STATUS)
        yield SplashRequest(self.settings["DEMO_URL"] + "/broken/drop")

    def parse(self, response):
        pass
"""


def test_a_failure_of_a_page_or_a_script_is_no_failure_of_the_renderer(
    tmp_path: Path, few_books: str, renderer: str
) -> None:
    (tmp_path / "guilty.py").write_text(GUILTY)
    crawl = Crawl(
        tmp_path, few_books, "-s", "SPIDER_MODULES=guilty",
        spider="guilty", SPLASH_URL=renderer, PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert crawl.stat("renderer/rests") == 0
    answers = {
        status: crawl.stat(f"splash/execute/response_count/{status}")
        + crawl.stat(f"splash/render.html/response_count/{status}")
        for status in (400, 502, 503, 504)
    }
    assert answers == {400: 1, 502: 2, 503: 2, 504: 2}  # each has one retry, except bad arguments
    assert crawl.stat("retry/count") == 3


def test_a_crawl_waits_for_a_renderer_that_starts_late(tmp_path: Path, few_books: str) -> None:
    port = free_port()
    crawl = started(tmp_path, few_books, SPLASH_URL=f"http://127.0.0.1:{port}")
    log = log_until(crawl, "waiting for up to 60 s")
    with FlakyRenderer(port):
        log += crawl.communicate(timeout=240)[1]
    assert crawl.returncode == 0, log[-4000:]
    engine = make_engine(f"sqlite:///{tmp_path}/x.db")
    assert_true(engine, few_books, "books", "reviews")
    engine.dispose()


def test_a_crawl_without_renderers_stops_and_is_resumed(tmp_path: Path, shop: str) -> None:
    port = free_port()
    env = {"SPLASH_URL": f"http://127.0.0.1:{port}", "RENDERER_PATIENCE": "5"}
    with FlakyRenderer(port) as renderer:
        after_pages(tmp_path, 20, renderer.end)
        crawl = Crawl(tmp_path, shop, **env)
    assert crawl.done.returncode == INTERRUPTED
    assert "no renderer has answered for 5 s" in crawl.log and "'finish_reason': 'renderer_lost'" in crawl.log
    done = crawl.stat("pages/done")
    assert 0 < done < BOOKS and crawl.stat("pages/failed") == 0
    with FlakyRenderer(port):
        crawl = Crawl(tmp_path, shop, **env)
    crawl.assert_complete()
    assert "is resumed" in crawl.log
    # all pages without those of the first crawl
    assert crawl.stat("splash/execute/request_count") < BOOKS + 10 - done + 10


def started(folder: Path, site: str, **env: str) -> subprocess.Popen[str]:
    known = {"SPLASHDOWN_ENV_FILE": "", "DATABASE_URL": f"sqlite:///{folder}/x.db", "DEMO_URL": site}
    return subprocess.Popen(
        [sys.executable, "-m", "scrapy", "crawl", "books"],
        cwd=ROOT,
        env=os.environ | known | env,
        stderr=subprocess.PIPE,
        text=True,
    )


def log_until(crawl: subprocess.Popen[str], text: str) -> str:
    """Return the crawl's log up to the line that has this text; fail if the crawl ends without it."""
    assert crawl.stderr is not None
    log = ""
    while text not in log:
        line = crawl.stderr.readline()
        assert line, log
        log += line
    return log


def ended(crawl: subprocess.Popen[str], number: signal.Signals, *, when: str) -> str:
    """Send the signal when ``when`` is in the crawl's log, assert that it ends soon, and return the log."""
    log = log_until(crawl, when)
    began = time.monotonic()
    crawl.send_signal(number)
    log += crawl.communicate(timeout=30)[1]
    assert time.monotonic() - began < 18  # seconds; less than SHUTDOWN_TIMEOUT and RENDERER_PATIENCE
    assert crawl.returncode == INTERRUPTED and "Traceback" not in log and number.name in log
    return log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_crawl_that_waits_for_its_first_renderer_ends_at_a_signal(
    tmp_path: Path, few_books: str, number: signal.Signals
) -> None:
    crawl = started(tmp_path, few_books, SPLASH_URL="http://127.0.0.1:1")
    ended(crawl, number, when="waiting for up to")


def test_a_crawl_whose_pages_wait_for_a_renderer_ends_at_a_signal_and_is_resumed(
    tmp_path: Path, shop: str
) -> None:
    port = free_port()
    with FlakyRenderer(port) as renderer:
        crawl = started(tmp_path, shop, SPLASH_URL=f"http://127.0.0.1:{port}", LOG_LEVEL="DEBUG")
        after_pages(tmp_path, 20, renderer.end)
        log = ended(crawl, signal.SIGTERM, when="retrying on another renderer, or later")
    assert "'pages/failed': 0" in log
    with FlakyRenderer(port):
        again = Crawl(tmp_path, shop, SPLASH_URL=f"http://127.0.0.1:{port}")
    again.assert_complete()
    assert "is resumed" in again.log


def test_a_chromium_that_is_stopped_or_whose_pipe_is_blocked_costs_no_page(tmp_path: Path) -> None:
    numbers = crawl_disturbed(tmp_path, pages=100, times=2, pause=0.2)
    assert sum(numbers.get(kind, 0) for kind in KINDS) == 2
