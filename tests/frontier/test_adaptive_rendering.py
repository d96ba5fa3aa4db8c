"""Adaptive rendering: rows are those of rendering always, whatever the site does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import CrawlRendering, CrawlRequest, CrawlRun, Quote, RunSample
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
    def ways(self) -> tuple[int | None, int | None]:
        """Return the rendered and the plain pages of the last sample."""
        samples = self.select(RunSample.run_id, RunSample.number, RunSample.rendered, RunSample.plain)
        return max(samples)[2:]

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
    # The list is always rendered; the page of the last comparison came by plain HTTP before.
    assert crawls.ways == (2, SIZE)
    assert f"rendering: {SIZE - 1} plain, 1 rendered" in crawls.log
    # The stats have the counts of the run: all plain pages are confirmed.
    assert "'pages/rendering/plain': 0" in crawls.log
    assert f"'pages/rendering/confirmed': {SIZE - 1}" in crawls.log


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


@pytest.mark.parametrize("kind", [SHELL, PLACEHOLDER])
def test_a_plain_page_without_what_all_others_have_is_rendered_at_once(
    crawls: Crawls, site: RenderingSite, kind: str
) -> None:
    crawls.crawl("without_element")
    site.kinds["/item/5"] = kind
    crawls.crawl("without_element")
    crawls.assert_true()
    what = {SHELL: "no row for quote", PLACEHOLDER: "quote.author "}[kind]
    assert f"/item/5 is rendered: {what}" in crawls.log


@pytest.mark.parametrize("plain", [403, 404, 429, 500, "challenge", "cut", "cut gzip", "slow"])
def test_a_site_that_refuses_plain_clients_teaches_nothing(
    crawls: Crawls, site: RenderingSite, plain: int | str
) -> None:
    site.plain = plain
    crawls.crawl(CONCURRENT_REQUESTS=1, DOWNLOAD_TIMEOUT=1)
    crawls.assert_true()
    assert crawls.select(CrawlRendering.id) == []
    assert crawls.fetched == {"rendered": SIZE}
    assert site.by_client[False] <= 5  # three show that it refuses; some were on their way


@pytest.mark.parametrize("plain", [403, "challenge", "cut"])
def test_a_site_that_begins_to_refuse_keeps_what_was_learned(
    crawls: Crawls, site: RenderingSite, plain: int | str
) -> None:
    crawls.crawl()
    known = crawls.learned
    site.plain = plain
    crawls.crawl()
    crawls.assert_true()
    assert crawls.learned == known
    assert site.by_client[True] == SIZE
    site.plain = None
    crawls.crawl()
    crawls.assert_true()
    assert site.by_client[True] == 1


def test_a_host_that_asks_plain_clients_to_wait_is_not_asked_before(
    crawls: Crawls, site: RenderingSite
) -> None:
    crawls.crawl()
    site.plain, site.retry_after = 429, 1
    crawls.crawl(CONCURRENT_REQUESTS=1)
    crawls.assert_true()
    assert crawls.learned[0] == "plain"
    assert f"HTTP 429, Retry-After: no request to {site.url.removeprefix('http://')} for 1 s" in crawls.log
    # The page itself waits, too: the next response to any request comes after the wait.
    assert all(later[2] - sooner[2] >= 1 for sooner, later in pairwise(site.timed) if sooner[1] == 429)


def test_one_request_at_a_time_is_enough_for_both_forms_of_a_page(
    crawls: Crawls, site: RenderingSite
) -> None:
    one = {"CONCURRENT_REQUESTS": 1, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "RENDERING_CHECK_SHARE": 0.3}
    slots = {"127.0.0.1": {"concurrency": 1, "delay": 0}}
    for _ in range(2):
        crawls.crawl(**one, DOWNLOAD_SLOTS=slots)
        crawls.assert_true()
    assert crawls.learned[0] == "plain"


def test_a_callback_that_yields_different_things_for_one_page_is_rendered_always(
    crawls: Crawls, site: RenderingSite
) -> None:
    crawls.crawl("impure", CONCURRENT_REQUESTS=1)
    assert crawls.learned[0] == "always"
    assert crawls.reason.startswith("the callback yields different things for one page: quote: tags is")
    assert " the first time and " in crawls.reason  # both calls were for the rendered page
    assert "rendered always from now on, the callback yields" in crawls.log
    assert len(crawls.rows) == 2 * SIZE
    asked = site.by_client[False]
    assert asked <= 2
    crawls.crawl("impure")
    assert site.by_client[False] == 0


def test_never_makes_plain_requests_and_fails_pages_without_the_element(
    crawls: Crawls, site: RenderingSite
) -> None:
    site.kinds["/item/3"] = SCRIPT
    crawls.crawl("never")
    assert site.by_client == {False: SIZE}
    assert crawls.rows == {key: row for key, row in site.truth.items() if key // 10 != 3}
    assert "'article' is not in the plain page (RENDERING=never)" in crawls.log
    assert crawls.ways == (1, SIZE - 1), (
        "the list is rendered; the failed page had no response for its callback"
    )
    errors = crawls.select(CrawlRequest.error, where=CrawlRequest.state == "failed")
    assert [str(error).partition(":")[0] for (error,) in errors] == ["NeverAppeared"]


def test_a_spider_that_logs_in_is_rendered(
    run: Crawl, demo_site: str, chromium_renderer: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'crawl.db'}"
    settings = {
        "DATABASE_URL": url,
        "DEMO_URL": demo_site,
        "SPLASH_URL": chromium_renderer,
        "RENDERING": "auto",
    }
    code, log = run("orders", settings | {"SPIDER_MODULES": "spiders"}, {})
    assert code == 0, log[-3000:]
    engine = make_engine(url)
    with Session(engine) as session:
        assert session.scalars(select(CrawlRendering.id)).all() == []
        assert (
            session.scalars(select(CrawlRequest.rendering).where(CrawlRequest.rendering.is_not(None))).all()
            == []
        )
    engine.dispose()


def test_always_stores_and_asks_nothing(crawls: Crawls, site: RenderingSite) -> None:
    crawls.crawl(RENDERING="always")
    crawls.assert_true()
    assert site.by_client == {True: SIZE}
    assert crawls.select(CrawlRendering.id) == []
    assert crawls.select(CrawlRequest.rendering, where=CrawlRequest.rendering.is_not(None)) == []
    assert crawls.ways == (SIZE + 1, 0)


def test_a_wrong_value_costs_one_line(crawls: Crawls, site: RenderingSite) -> None:
    crawls.crawl(code=1, RENDERING="sometimes")
    assert "RENDERING='sometimes' is not auto, always or never: correct it" in crawls.log
    assert site.asked == []


@pytest.mark.parametrize("spider", ["coroutine", "data"])
def test_callbacks_of_all_kinds_are_compared(crawls: Crawls, spider: str) -> None:
    crawls.crawl(spider, CONCURRENT_REQUESTS=1)
    crawls.assert_true()
    assert crawls.learned[0] == {"coroutine": "plain", "data": "rendered"}[spider]


def test_one_page_of_many_that_a_script_changes_is_the_reason_to_render_always(
    crawls: Crawls, site: RenderingSite
) -> None:
    site.kinds["/item/2"] = CHANGED
    crawls.crawl("without_element", CONCURRENT_REQUESTS=1)
    crawls.crawl("without_element", RENDERING_CHECK_SHARE=1)  # every page is compared
    crawls.assert_true()
    assert crawls.reason == "quote: body is 'words 2.0' rendered and 'old words 2.0' plain"


def test_a_fall_of_the_coverage_compares_all_pages(
    run: Crawl, chromium_renderer: str, tmp_path: Path
) -> None:
    with rendering_site(60) as site:
        crawls = Crawls(run, site, f"sqlite:///{tmp_path / 'crawl.db'}", chromium_renderer)
        crawls.crawl("without_element", RENDERING_CHECK_SHARE=0.3)
        assert crawls.learned[0] == "plain"
        for number in range(60):  # a field that some pages lack is now missing on all plain pages
            site.kinds[f"/item/{number}"] = "without tags"
        crawls.crawl("without_element", CONCURRENT_REQUESTS=1)
        assert "because the coverage fell: quote.tags: 0%" in crawls.log
        crawls.assert_true()


def test_another_version_of_the_spider_learns_again(crawls: Crawls, site: RenderingSite) -> None:
    crawls.crawl()
    engine = make_engine(crawls.url)
    with Session(engine) as session, session.begin():
        session.execute(update(CrawlRendering).values(version=b"x" * 20, key=b"y" * 20))
    engine.dispose()
    crawls.crawl(CONCURRENT_REQUESTS=1)
    assert site.by_client[True] >= 3
    assert len(crawls.select(CrawlRendering.id)) == 2


def test_delta_crawls_note_the_same_page_however_it_is_fetched(crawls: Crawls, site: RenderingSite) -> None:
    crawls.crawl()
    crawls.crawl(DELTA="adaptive")
    assert site.by_client[True] == 1  # plain HTTP answers, and notes the pages
    crawls.crawl(DELTA="adaptive", RENDERING="always")
    assert site.by_client == {}  # no page is due
    crawls.assert_true()


@pytest.mark.parametrize("kind", [SHELL, HALF])
def test_the_same_on_splash(
    run: Crawl, site: RenderingSite, real_splash: str, tmp_path: Path, kind: str
) -> None:
    crawls = Crawls(run, site, f"sqlite:///{tmp_path / 'crawl.db'}", real_splash)
    crawls.crawl("without_element")
    crawls.crawl("without_element")
    crawls.assert_true()
    assert site.by_client[True] == 1
    site.kind = kind
    crawls.crawl("without_element")
    crawls.assert_true()
    assert crawls.learned[0] == "rendered"


def test_a_page_that_is_open_when_its_pattern_goes_back_is_rendered_again(
    crawls: Crawls, site: RenderingSite
) -> None:
    crawls.crawl("without_element")
    site.held["/item/4"] = threading.Event()  # its plain answer comes after the unequal one
    site.kinds |= {"/item/4": CHANGED, "/item/1": SHELL}

    def release() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and ("/item/1", True) not in site.asked:
            time.sleep(0.02)  # between two looks
        site.held["/item/4"].set()

    thread = threading.Thread(target=release, daemon=True)
    site.asked.clear()
    thread.start()
    crawls.crawl("without_element")
    crawls.assert_true()
