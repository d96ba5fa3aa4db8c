"""Crawls of a FakeShop by ShopSpider, in processes of their own, and the rows and runs that they store."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRun, Quote
from models.session import make_engine
from tests.crawler.fake_shop_site import FakeShop
from tests.crawls import scrapy
from tests.prepared_process import Forked, start_scrapy

MODULES = ("-s", "SPIDER_MODULES=tests.crawler.fake_shop_spider")
DEADLINE = 60.0  # seconds


@dataclass
class ShopCrawls:
    """Crawls of one FakeShop into one database."""

    site: FakeShop
    url: str

    @property
    def env(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url, "DEMO_URL": self.site.url}

    def crawl(self, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``scrapy crawl shop`` to its end."""
        self.site.asked.clear()
        return scrapy("crawl", "shop", *MODULES, *options, **self.env | env)

    def start(
        self, *options: str, spider: str = "shop", modules: Sequence[str] = MODULES, **env: str
    ) -> Forked:
        """Start ``scrapy crawl`` and return its process; its log is on standard output."""
        self.site.asked.clear()
        variables = os.environ | {"SPLASHDOWN_ENV_FILE": ""} | self.env | env
        return start_scrapy(["crawl", spider, *modules, *options], variables)

    def all_runs(self) -> list[CrawlRun]:
        """Return all runs, the first one first."""
        engine = make_engine(self.url)
        with Session(engine) as session:
            runs = list(session.scalars(select(CrawlRun).order_by(CrawlRun.id)))
        engine.dispose()
        return runs

    def runs(self) -> list[tuple[int | None, str]]:
        """Return the verdict and the reasons of all runs."""
        return [(run.verdict, "; ".join(run.reasons or [])) for run in self.all_runs()]

    def stored(self) -> list[int]:
        """Return the numbers of the stored quotes."""
        engine = make_engine(self.url)
        with Session(engine) as session:
            numbers = list(session.scalars(select(Quote.quote_id).order_by(Quote.quote_id)))
        engine.dispose()
        return numbers

    def until_asked(self, path: str, process: Forked) -> None:
        """Wait until the crawl has asked the site for the path."""
        wait_for(lambda: path in self.site.asked, process)


def wait_for(condition: Callable[[], bool], process: Forked) -> None:
    """Wait until the condition holds. Fail if the process ends before, or after DEADLINE."""
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until and process.poll() is None, process.communicate()[0][-3000:]
        time.sleep(0.02)  # between two looks


def wait_for_line(process: Forked, words: str) -> None:
    """Read the log of the process until a line has these words. Fail if it ends before."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"the log has no line with {words!r}")


def log_until_end(process: Forked) -> str:
    """Wait until the process ends, and return the rest of its log."""
    log, _ = process.communicate(timeout=DEADLINE)
    return log
