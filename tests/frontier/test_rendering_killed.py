"""What a crawl learned about rendering survives kill -9, and so do the pages that are not confirmed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import CrawlRendering, CrawlRequest, Quote
from models.session import make_engine
from tests.databases import make_file_with_tables
from tests.frontier.rendering_site import CHANGED, RenderingSite, rendering_site
from tests.prepared_process import Forked, start_scrapy

SIZE = 80
DEADLINE = 90  # seconds


class KilledCrawl:
    """Crawls of a site that are killed."""

    def __init__(self, site: RenderingSite, url: str, splash: str) -> None:
        self.url = url
        self.command = [
            *("crawl", "without_element", "-s", "SPIDER_MODULES=tests.frontier.rendering_spiders"),
            *("-s", "CONCURRENT_REQUESTS=2", "-s", "DATABASE_BATCH_ROWS=4"),
        ]
        self.env = os.environ | {"SPLASHDOWN_ENV_FILE": "", "DATABASE_URL": url, "SPLASH_URL": splash}
        self.env |= {"DEMO_URL": site.url}

    def start(self) -> Forked:
        return start_scrapy(self.command, self.env)

    def kill_when(self, ready: Callable[[], bool]) -> None:
        """Start a crawl, and kill it as soon as something is in the database."""
        process = self.start()
        deadline = time.monotonic() + DEADLINE
        try:
            while not ready():
                assert process.poll() is None, process.communicate()[0][-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.02)  # between two looks
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.communicate(timeout=30)

    def finish(self) -> str:
        said = self.start().communicate(timeout=DEADLINE)[0]
        assert "good (exit code 0)" in said, said[-3000:]
        return said

    def scalar(self, query: Any) -> Any:
        engine = make_engine(self.url)
        with Session(engine) as session:
            found = session.scalar(query)
        engine.dispose()
        return found

    @property
    def rows(self) -> dict[int, tuple[Any, ...]]:
        engine = make_engine(self.url)
        with Session(engine) as session:
            found = session.execute(select(Quote.quote_id, Quote.body, Quote.author, Quote.tags)).all()
        engine.dispose()
        return {key: tuple(row) for key, *row in found}


@pytest.fixture
def killed(database_url: str, chromium_renderer: str) -> Any:
    make_file_with_tables(database_url)
    with rendering_site(SIZE) as site:
        yield site, KilledCrawl(site, database_url, chromium_renderer)


PLAIN_PAGES = select(func.count()).where(CrawlRequest.rendering == "plain")


def test_the_learning_survives_a_kill(killed: tuple[RenderingSite, KilledCrawl]) -> None:
    site, crawl = killed
    crawl.kill_when(lambda: crawl.scalar(PLAIN_PAGES) >= 5)
    learned = crawl.scalar(select(CrawlRendering.times_equal).where(CrawlRendering.mode == "plain"))
    assert learned >= 3
    site.asked.clear()
    crawl.finish()
    assert site.by_client[True] == 1  # the comparison at the end of the run
    assert crawl.rows == site.truth
    assert crawl.scalar(PLAIN_PAGES) == 0  # that comparison confirms them all


def test_plain_pages_of_a_killed_crawl_are_suspect_after_an_unequal_page(
    killed: tuple[RenderingSite, KilledCrawl],
) -> None:
    site, crawl = killed
    site.switch_after, site.switch_to = 10, CHANGED  # after that, plain pages have another value
    crawl.kill_when(lambda: crawl.scalar(PLAIN_PAGES) >= 20)
    assert crawl.rows.items() - site.truth.items()  # wrong values are stored
    said = crawl.finish()
    assert "back to rendering, quote: body is" in said
    assert crawl.rows == site.truth
    assert crawl.scalar(select(CrawlRendering.mode)) == "rendered"
