"""The console with everything around it as a user has it: the demo shop, crawls, a scheduler, and a real Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import CrawlRun, RunSample, SpiderSchedule
from models.session import make_engine
from tests.crawls import scrapy
from tests.processes import ROOT, free_port, server

BOOKS = 40
PASSWORD = "correct horse battery"
# Slow enough that a person can pause a crawl, on a site on this machine.
SETTINGS = """
from crawler.settings import *
DOWNLOAD_SLOTS = {}
DOWNLOAD_DELAY = float(__import__("os").environ.get("DELAY", "0"))
CONCURRENT_REQUESTS_PER_DOMAIN = 2 if DOWNLOAD_DELAY else 8
"""


class Shop:
    """The demo shop on a port of its own, on a day that can be changed."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack, self.port = stack, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._running: contextlib.ExitStack | None = None

    def open(self, day: int, *options: str) -> None:
        """Open the shop on a day; it was closed before, or is closed now."""
        if self._running is not None:
            self._running.close()
        self._running = self.stack.enter_context(contextlib.ExitStack())
        books = ("--books", str(BOOKS), "--day", str(day))
        self._running.enter_context(
            server("demo", "--port", str(self.port), "--exit-with-stdin", *books, *options)
        )


class LiveConsole:
    """A console, a scheduler and their database."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, database: str | None = None) -> None:
        (folder / "console_test_settings.py").write_text(SETTINGS)
        self.folder, self.stack = folder, stack
        self.shop = Shop(stack)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.env = {
            "DATABASE_URL": database or f"sqlite:///{folder}/shop.db",
            "DEMO_URL": self.shop.url,
            "SCRAPY_SETTINGS_MODULE": "console_test_settings",
            "PYTHONPATH": f"{ROOT}:{folder}",
            "SPLASHDOWN_ENV_FILE": "",
            "KEPT_PAGES_FOLDER": str(folder / "pages"),
        }
        self.engine = make_engine(self.env["DATABASE_URL"])
        self.link = ""

    def crawl(self, *options: str) -> subprocess.CompletedProcess[str]:
        return scrapy("crawl", "books", *options, **self.env)

    def start(self) -> None:
        """Start the console, and a scheduler whose crawls are slow."""
        self.start_console()
        self._process(
            "schedule",
            "--run",
            env={"SCHEDULE": "books: 0 0 1 1 *; quotes: off; orders: off", "DELAY": "0.4"},
        )
        until(lambda: "books" in self._loaded())

    def start_console(self) -> None:
        """Start the console alone, and keep the first link that it prints."""
        console = self._process("console", "--no-browser", "--port", self.url.rpartition(":")[2], text=True)
        assert console.stdout is not None
        for line in console.stdout:
            if found := re.search(r"http://\S+/link/\S+", line):
                self.link = found[0]
                break

    def _process(
        self, *command: str, env: dict[str, str] | None = None, text: bool = False
    ) -> subprocess.Popen[Any]:
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", *command],
            cwd=ROOT,
            env=os.environ | self.env | (env or {}),
            stdout=subprocess.PIPE if text else (self.folder / "scheduler.log").open("wb"),
            stderr=None if text else subprocess.STDOUT,
            text=text,
        )
        self.stack.callback(_end, process)
        return process

    def _loaded(self) -> list[str]:
        """Return the spiders that the scheduler has loaded."""
        with Session(self.engine) as session:
            return list(session.scalars(select(SpiderSchedule.spider)))

    def pages_done(self, run_id: int) -> int:
        """Return how many pages a run had done at its last sample."""
        with Session(self.engine) as session:
            return session.scalar(select(func.max(RunSample.done)).where(RunSample.run_id == run_id)) or 0

    def runs(self) -> list[CrawlRun]:
        with Session(self.engine) as session:
            return list(session.scalars(select(CrawlRun).order_by(CrawlRun.id)))


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextlib.contextmanager
def chromium(*options: str) -> Iterator[Browser]:
    """Yield the Chromium that this machine has, started with these options of its command line."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert program, "no Chromium on this machine: scripts/setup --test installs one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *options])
        yield browser
        browser.close()


def until(what: Callable[[], Any], deadline: float = 60.0) -> Any:
    """Return the first result of ``what`` that is not empty; fail after the deadline."""
    end = time.monotonic() + deadline
    while not (found := what()):
        assert time.monotonic() < end, f"{what} was not true in {deadline:g} s"
        time.sleep(0.1)
    return found


def text_of(page: Page) -> str:
    return page.locator("main").inner_text()
