"""Adaptive rendering: rows are those of rendering always, whatever the site does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRendering, CrawlRun, Quote
from models.session import make_engine
from tests.frontier.crawl_server import Crawl, crawl_server
from tests.frontier.rendering_site import (
    CHANGED,
    HALF,
    PLACEHOLDER,
    SCRIPT,
    SHELL,
    RenderingSite,
    rendering_site,
)

SPIDERS = "tests.frontier.rendering_spiders"
SIZE = 12


@pytest.fixture
def site() -> Iterator[RenderingSite]:
    with rendering_site(SIZE) as site:
        yield site


@pytest.fixture(scope="module")
def run() -> Iterator[Crawl]:
    with crawl_server() as crawl:
        yield crawl


class Crawls:
    """Crawls of one site into one database."""

    def __init__(self, run: Crawl, site: RenderingSite, url: str, splash: str) -> None:
        self.run, self.site, self.url, self.splash = run, site, url, splash
        self.log = ""

    def crawl(self, spider: str = "items", *, code: int = 0, **settings: Any) -> None:
        self.site.asked.clear()
        own = {"DATABASE_URL": self.url, "DEMO_URL": self.site.url, "SPIDER_MODULES": SPIDERS}
        found, self.log = self.run(spider, own | {"SPLASH_URL": self.splash} | settings, {})
        assert found == code, self.log[-4000:]

    def select(self, *columns: Any, where: Any = True) -> list[Any]:
        engine = make_engine(self.url)
        with Session(engine) as session:
            rows = [tuple(row) for row in session.execute(select(*columns).where(where))]
        engine.dispose()
        return rows

    @property
    def rows(self) -> dict[int, tuple[Any, ...]]:
        columns = Quote.quote_id, Quote.body, Quote.author, Quote.tags
        return {key: tuple(row) for key, *row in self.select(*columns, where=Quote.gone_at.is_(None))}

    @property
    def learned(self) -> tuple[Any, ...]:
        """Return mode, equal and unequal pages of the items' pattern."""
        columns = CrawlRendering.mode, CrawlRendering.times_equal, CrawlRendering.times_unequal
        return self.select(*columns, where=CrawlRendering.pattern == "/item/{n}")[0]

    @property
    def reason(self) -> str:
        return str(self.select(CrawlRendering.reason, where=CrawlRendering.pattern == "/item/{n}")[0][0])

    @property
    def fetched(self) -> dict[str, int]:
        """Return how the pages of the last run were fetched."""
        counts = self.select(CrawlRun.counts, CrawlRun.id)
        return dict(max(counts, key=lambda row: row[1])[0]["rendering"])

    def assert_true(self) -> None:
        assert self.rows == self.site.truth


@pytest.fixture
def crawls(run: Crawl, site: RenderingSite, chromium_renderer: str, tmp_path: Path) -> Crawls:
    return Crawls(run, site, f"sqlite:///{tmp_path / 'crawl.db'}", chromium_renderer)


def test_plain_http_answers_after_three_equal_pages_also_in_the_next_run(
    crawls: Crawls, site: RenderingSite
) -> None:
    crawls.crawl(CONCURRENT_REQUESTS=1)
    crawls.assert_true()
    mode, equal, unequal = crawls.learned
    assert (mode, unequal) == ("plain", 0)
    assert equal >= 4  # three to learn it, one at the end of the run
    assert crawls.fetched["confirmed"] >= 7
    crawls.crawl()
    crawls.assert_true()
    assert site.by_client[True] == 1  # the last comparison of the run
    assert crawls.fetched == {"confirmed": SIZE - 1, "equal": 1}
    assert f"rendering: {SIZE - 1} plain, 1 rendered" in crawls.log


def test_a_site_that_is_made_by_scripts_is_rendered(crawls: Crawls, site: RenderingSite) -> None:
    site.kind = SCRIPT
    crawls.crawl(CONCURRENT_REQUESTS=1)
    crawls.assert_true()
    assert crawls.learned[:2] == ("rendered", 0)
    assert crawls.reason == "wait_for is not in the plain page"
    assert site.by_client[True] == SIZE
    assert site.by_client[False] <= 2  # a second page was being rendered


@pytest.mark.parametrize("kind", [SHELL, HALF, CHANGED, PLACEHOLDER])
def test_scripts_in_the_middle_of_a_run_cost_no_row(crawls: Crawls, site: RenderingSite, kind: str) -> None:
    site.switch_after, site.switch_to = 7, kind
    crawls.crawl("without_element", CONCURRENT_REQUESTS=1)
    crawls.assert_true()
    assert crawls.learned[0] == "rendered"
    assert crawls.fetched["back"] == 1


@pytest.mark.parametrize("kind", [SHELL, HALF, CHANGED, PLACEHOLDER])
def test_scripts_between_two_runs_cost_no_row(crawls: Crawls, site: RenderingSite, kind: str) -> None:
    crawls.crawl("without_element")
    assert crawls.learned[0] == "plain"
    site.kind = kind
    crawls.crawl("without_element")
    crawls.assert_true()
    assert crawls.learned[0] == "rendered"
    assert crawls.fetched.get("plain", 0) + crawls.fetched.get("confirmed", 0) == 0
