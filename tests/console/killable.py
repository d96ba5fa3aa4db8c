"""A console, a scheduler and their crawls on a MariaDB server. A test kills them, and they are started again."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import requests
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRun, SpiderSchedule
from models.schema import upgrade
from models.session import make_engine
from tests.console.live_console import SETTINGS, Shop, until
from tests.crawls import scrapy
from tests.processes import ROOT, free_port

CONSOLE, SCHEDULER, CRAWL = "console", "scheduler", "crawl"
LINK = re.compile(r"http://\S+/link/\S+")


class Service:
    """A command of scrapy with a log, which is started again after each end."""

    def __init__(self, name: str, command: tuple[str, ...], env: dict[str, str], folder: Path) -> None:
        self.name, self.command, self.env = name, command, env
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scrapy", *self.command],
                cwd=ROOT,
                env=os.environ | self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def children(self) -> list[psutil.Process]:
        if not self.is_alive():
            return []
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children()
        return []


class KillableConsole:
    """The processes, and their database."""

    def __init__(self, database_url: str, folder: Path, stack: contextlib.ExitStack) -> None:
        (folder / "console_test_settings.py").write_text(SETTINGS)
        self.folder = folder
        self.shop = Shop(stack)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.env = {
            "DATABASE_URL": database_url,
            "DEMO_URL": self.shop.url,
            "SCRAPY_SETTINGS_MODULE": "console_test_settings",
            "PYTHONPATH": f"{ROOT}:{folder}",
            "SPLASHDOWN_ENV_FILE": "",
            "KEPT_PAGES_FOLDER": str(folder / "pages"),
        }
        slow = {"SCHEDULE": "books: 0 0 1 1 *; quotes: off; orders: off", "DELAY": "0.4"}
        self.console = Service(CONSOLE, ("console", "--no-browser", "--port", str(port)), self.env, folder)
        self.scheduler = Service(SCHEDULER, ("schedule", "--run"), self.env | slow, folder)
        self.engine = make_engine(database_url)
        upgrade(self.engine)
        self._crawls: dict[int, psutil.Process] = {}
        stack.callback(self.end)

    def crawl(self, *options: str) -> int:
        return scrapy("crawl", "books", *options, **self.env).returncode

    def start(self) -> str:
        """Start the console and the scheduler, and return the link of the first account."""
        self.keep()
        self.wait()
        until(self._has_spiders)
        return until(lambda: LINK.search(self.console.text))[0]

    def keep(self) -> None:
        """Start what has ended."""
        for service in (self.console, self.scheduler):
            if not service.is_alive():
                service.start()

    def wait(self) -> None:
        """Wait until the console answers; keep it and the scheduler alive until then."""

        def answers() -> bool:
            self.keep()
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"{self.url}/login", timeout=5).status_code == 200
            return False

        until(answers, 90)

    def _has_spiders(self) -> bool:
        with Session(self.engine) as session:
            return "books" in session.scalars(select(SpiderSchedule.spider)).all()

    def crawls(self) -> list[psutil.Process]:
        """Return the crawls that live, also those of schedulers that were killed."""
        for child in self.scheduler.children():
            self._crawls.setdefault(child.pid, child)
        self._crawls = {
            pid: one for pid, one in self._crawls.items() if one.is_running() and not is_over(one)
        }
        return list(self._crawls.values())

    def kill(self, what: str, dice: random.Random) -> bool:
        """Kill a part with SIGKILL; return False if there is none.

        Of the console it is its server, the process that answers, or both.
        """
        living = self.crawls()  # before their scheduler has ended
        if what == CRAWL:
            victims = [dice.choice(living)] if living else []
        else:
            service = self.console if what == CONSOLE else self.scheduler
            if not service.is_alive():
                return False
            assert service.process is not None
            victims = [psutil.Process(service.process.pid)]
            if what == CONSOLE:
                victims = dice.choice((victims, service.children(), [*victims, *service.children()]))
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
        for service in (self.console, self.scheduler):
            if service.process is not None and service.process.pid in {one.pid for one in victims}:
                service.process.wait()
        return bool(victims)

    def runs(self) -> list[CrawlRun]:
        with Session(self.engine) as session:
            return list(session.scalars(select(CrawlRun).order_by(CrawlRun.id)))

    @property
    def logs(self) -> str:
        return self.console.text + self.scheduler.text

    def end(self) -> None:
        """End the processes: in order, and then by force."""
        last = [*self.crawls(), *self.console.children()]
        for service in (self.scheduler, self.console):
            if service.is_alive():
                assert service.process is not None
                service.process.terminate()
                try:
                    service.process.wait(40)
                except subprocess.TimeoutExpired:
                    service.process.kill()
                    service.process.wait()
        for one in last:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.engine.dispose()


def is_over(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
