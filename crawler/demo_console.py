"""``scrapy demo --console``: the scheduler and the console beside the demo site, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from crawler.child_process import child_process
from crawler.run.stopping import CannotStart

STOP_SECONDS = 40  # more than SHUTDOWN_TIMEOUT, for the crawls of the scheduler
EVERY = 0.5  # seconds between two looks whether a process has ended


def run_console(
    *, project: Path, site: str, database: str, pages: str, log: Path, say: Callable[[str], object]
) -> None:
    """Run a scheduler and the console until SIGINT.

    Args:
        site: the URL of the demo site, which the crawls of orders crawl.
        database, pages: DATABASE_URL and KEPT_PAGES_FOLDER of these crawls.
        log: the file for what the scheduler and its crawls write.
        say: prints a line.

    Raises:
        CannotStart: one of them has ended by itself.
    """
    environ = os.environ | {"DEMO_URL": site, "DATABASE_URL": database, "KEPT_PAGES_FOLDER": pages}
    scrapy = [sys.executable, "-m", "scrapy"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as opened,
        child_process(
            [*scrapy, "schedule", "--run"],
            folder=project,
            environ=environ,
            output=opened,
            seconds=STOP_SECONDS,
        ) as scheduler,
        child_process([*scrapy, "console"], folder=project, environ=environ, seconds=STOP_SECONDS) as console,
        contextlib.suppress(KeyboardInterrupt),
    ):
        say("The console and a scheduler start, and run until Ctrl-C.")
        wait_for_end({"the console (see above)": console, f"the scheduler (see {log})": scheduler})


def wait_for_end(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """Wait until one of the processes ends, which none should.

    Raises:
        CannotStart: it has ended.
    """
    while True:
        for name, process in processes.items():
            code = process.poll()
            if code is not None:
                raise CannotStart(f"{name} has ended with exit code {code}")
        time.sleep(EVERY)
