"""A crawl of the spider "endless", or a scheduler that may start it, in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.session import make_engine
from tests.crawls import KEPT_PAGES
from tests.databases import make_file_with_tables
from tests.prepared_process import Forked, start_scrapy


class Crawl:
    """A crawl of the spider "endless" in a process of its own."""

    def __init__(self, folder: Path, site: str) -> None:
        self.url, self.folder = f"sqlite:///{folder}/runs.db", folder
        make_file_with_tables(self.url)
        self.engine = make_engine(self.url)
        self.env = {
            "DATABASE_URL": self.url,
            "DEMO_URL": site,
            "REQUESTS_LOG": str(folder / "requests.log"),
            "SPLASHDOWN_ENV_FILE": "",
            "KEPT_PAGES_FOLDER": KEPT_PAGES,
            "SCRAPY_SETTINGS_MODULE": "tests.crawler.endless_settings",
            "SCHEDULE": "",
            "TZ": "Europe/Berlin",
        }
        self.process: Forked | None = None
        self.left: list[psutil.Process] = []

    def start(self, *command: str) -> Forked:
        """Start ``scrapy COMMAND``, by default the crawl."""
        with (self.folder / "crawl.log").open("ab") as log:
            self.process = start_scrapy(command or ("crawl", "endless"), os.environ | self.env, log)
        return self.process

    @property
    def log(self) -> str:
        return (self.folder / "crawl.log").read_text()

    @property
    def pages(self) -> int:
        file = self.folder / "requests.log"
        return file.read_text().count("\n") if file.exists() else 0

    def one(self, column: Any) -> Any:
        with Session(self.engine) as session:
            return session.scalar(select(column).limit(1))

    def all(self, column: Any) -> list[Any]:
        with Session(self.engine) as session:
            return list(session.scalars(select(column)))

    def until(self, is_so: Callable[[], object]) -> None:
        deadline = time.monotonic() + 40
        while not is_so():
            assert time.monotonic() < deadline, self.log[-3000:]
            time.sleep(0.05)  # between two looks

    def kill(self) -> None:
        """Kill the process, and no process that it has started."""
        assert self.process is not None
        self.left += psutil.Process(self.process.pid).children()
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        for process in self.left:
            if process.is_running():
                process.kill()
        self.engine.dispose()
