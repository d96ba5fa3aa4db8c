"""Delta crawls: what did not change is not fetched, and tables and history are those of complete crawls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models import CrawlPage, CrawlRequest
from models.session import for_writing, make_engine
from tests.crawls import scrapy
from tests.frontier.crawl_server import Crawl, crawl_server
from tests.frontier.delta_site import DeltaSite, book, delta_site, quote, stored

SPIDERS = "tests.frontier.delta_spiders"
LONG_AGO = "2020-01-01"


@pytest.fixture
def site() -> Iterator[DeltaSite]:
    with delta_site() as site:
        site.pages = {
            "/start": {"pages": ["/a", "/b", "/c"]},
            "/a": {"items": [quote(1), quote(2)], "pages": ["/a/more"]},
            "/a/more": {"items": [quote(3)], "pages": ["/b"]},
            "/b": {"items": [book("B1", "ann", "bob"), book("B2")]},
            "/c": {"items": [quote(4)]},
        }
        site.dates = {path: LONG_AGO for path in site.pages if path != "/start"}
        yield site


class Twins:
    """The same crawls into two databases: one with DELTA, and one that fetches everything."""

    def __init__(self, run: Crawl, site: DeltaSite, delta: str, full: str) -> None:
        self.run, self.site, self.delta, self.full = run, site, delta, full
        self.log = ""

    def crawl(self, spider: str = "catalogue", env: Mapping[str, str] | None = None, **settings: Any) -> None:
        """Crawl into both databases; ``asked`` of the site has the requests of the crawl with DELTA."""
        for url, mode in ((self.full, "off"), (self.delta, "on")):
            self.site.asked.clear()
            own = {"DATABASE_URL": url, "DEMO_URL": self.site.url, "SPIDER_MODULES": SPIDERS, "DELTA": mode}
            code, self.log = self.run(spider, own | settings, env or {})
            assert code == 0, self.log[-4000:]

    def assert_equal(self) -> None:
        delta, full = stored(self.delta), stored(self.full)
        for table, rows in full.items():
            assert delta[table] == rows, table


@pytest.fixture(scope="module")
def run() -> Iterator[Crawl]:
    with crawl_server() as crawl:
        yield crawl


@pytest.fixture
def twins(run: Crawl, site: DeltaSite, database_url: str, tmp_path: Path) -> Twins:
    return Twins(run, site, database_url, f"sqlite:///{tmp_path / 'full.db'}")


@pytest.fixture
def file_twins(run: Crawl, site: DeltaSite, tmp_path: Path) -> Twins:
    return Twins(run, site, f"sqlite:///{tmp_path / 'delta.db'}", f"sqlite:///{tmp_path / 'full.db'}")


def unchanged_pages(url: str) -> dict[str, str]:
    """Return how the last run knew that a page is unchanged, by path."""
    engine = make_engine(url)
    with Session(engine) as session:
        last = session.scalar(select(func.max(CrawlRequest.run_id)))
        found = session.execute(
            select(CrawlRequest.url, CrawlRequest.unchanged).where(
                CrawlRequest.run_id == last, CrawlRequest.unchanged.is_not(None)
            )
        ).all()
    engine.dispose()
    return {re.sub(r"^http://[^/]+", "", page): how for page, how in found}


def records(url: str) -> int:
    engine = make_engine(url)
    with Session(engine) as session:
        number = session.scalar(select(func.count()).select_from(CrawlPage)) or 0
    engine.dispose()
    return number


def test_pages_that_answer_304_keep_rows_children_and_links(site: DeltaSite, twins: Twins) -> None:
    twins.crawl()
    site.pages["/a/more"]["items"] = [quote(3, "another word")]
    site.pages["/c"]["items"] = []  # its row is gone
    twins.crawl()
    assert site.of_status(304) == ["/a", "/b", "/start"]
    assert site.of_status(200) == ["/a/more", "/c"]
    assert "unchanged pages: 3 (not fetched 0, 304 3)" in twins.log
    twins.assert_equal()
    site.pages["/c"]["items"] = [quote(4)]  # and returns
    site.pages["/b"]["items"][0]["reviews"].pop()
    twins.crawl()
    assert site.of_status(200) == ["/b", "/c"]
    twins.assert_equal()


def test_the_dates_of_a_sitemap_tell_which_pages_are_fetched(site: DeltaSite, twins: Twins) -> None:
    twins.crawl("mapped")
    site.pages["/c"]["items"] = [quote(4, "now")]
    site.dates["/c"] = "2026-01-01"
    twins.crawl("mapped")
    assert [path for path, _ in site.asked] == ["/sitemap.xml", "/c"]
    assert "unchanged pages: 3 (not fetched 3, 304 0)" in twins.log
    twins.assert_equal()
    twins.crawl("mapped")  # the sitemap itself is unchanged, and has the dates of the last time
    assert site.asked == [("/sitemap.xml", 304)]
    twins.assert_equal()


def test_the_hook_of_a_spider_tells_which_pages_are_fetched(
    site: DeltaSite, file_twins: Twins, tmp_path: Path
) -> None:
    site.has_etags = False
    answers = tmp_path / "answers.json"
    answers.write_text("{}")
    file_twins.crawl("hooked", {"HOOK_FILE": str(answers)})
    answers.write_text(json.dumps({"/start": False, "/a": False, "/b": True, "/c": "raise"}))
    file_twins.crawl("hooked", {"HOOK_FILE": str(answers)})
    # start() is always fetched; /a/more is not known to the hook, and the site says nothing about it
    assert sorted(path for path, _ in site.asked) == ["/a/more", "/b", "/c", "/start"]
    assert "changed_since raised LookupError: no list of changes" in file_twins.log
    file_twins.assert_equal()


def nothing_changes(site: DeltaSite) -> None:
    pass


def carries_something_else(site: DeltaSite) -> None:
    site.pages["/start"] = {"pages": ["/c", "/b", "/a"], "numbered": True}


def is_not_linked_for_a_run(site: DeltaSite) -> None:
    site.pages["/start"]["pages"].remove("/c")


@pytest.mark.parametrize(
    ("first", "between", "fetched"),
    [
        ({"items": [quote(4)]}, nothing_changes, False),
        ({"items": [quote(4), {"quote_id": 5, "body": None, "author": "A"}]}, nothing_changes, True),
        ({"items": [quote(4)], "broken": True}, nothing_changes, True),
        ({"items": [quote(4)]}, carries_something_else, True),
        ({"items": [quote(4)]}, is_not_linked_for_a_run, True),
    ],
    ids=["unchanged", "rejected item", "failed", "other cb_kwargs", "gone for a run"],
)
def test_a_page_that_may_differ_is_fetched(
    site: DeltaSite, file_twins: Twins, first: Any, between: Callable[[DeltaSite], None], fetched: bool
) -> None:
    site.pages["/c"] = first
    file_twins.crawl()
    start = json.loads(json.dumps(site.pages["/start"]))
    between(site)
    if between is is_not_linked_for_a_run:
        file_twins.crawl()
        site.pages["/start"] = start
    file_twins.crawl()
    assert ("/c" in site.of_status(200)) is fetched
    file_twins.assert_equal()


@pytest.mark.parametrize("value", [False, 0])
def test_the_spider_may_exempt_a_page(site: DeltaSite, file_twins: Twins, value: Any) -> None:
    site.pages["/start"]["links"] = {"/c": {"delta": value}}
    file_twins.crawl()
    file_twins.crawl()
    assert site.of_status(200) == ["/c"]
    file_twins.assert_equal()
    shown = scrapy("runs", "show", "2", DATABASE_URL=file_twins.delta).stdout
    assert re.search(r"unchanged +4 pages \(not fetched 0, 304 4\)", shown), shown


def test_an_adaptive_crawl_fetches_a_page_when_its_interval_is_over(
    site: DeltaSite, file_twins: Twins
) -> None:
    site.has_etags = False
    own = {"DATABASE_URL": file_twins.delta, "DEMO_URL": site.url, "SPIDER_MODULES": SPIDERS}
    for expected in (["/a", "/a/more", "/b", "/c", "/start"], ["/start"]):
        site.asked.clear()
        code, log = file_twins.run("catalogue", own | {"DELTA": "adaptive"}, {})
        assert (code, site.of_status(200)) == (0, expected), log[-4000:]
    engine = make_engine(file_twins.delta)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with for_writing(engine).begin() as connection:
        connection.execute(
            update(CrawlPage).where(CrawlPage.url.endswith("/c")).values(confirmed_at=an_hour_ago)
        )
    site.asked.clear()
    site.pages["/c"]["items"] = [quote(4, "changed")]
    code, log = file_twins.run("catalogue", own | {"DELTA": "adaptive"}, {})
    assert (code, site.of_status(200)) == (0, ["/c", "/start"]), log[-4000:]
    with Session(engine) as session:
        intervals = {page.url: page.fetch_interval for page in session.scalars(select(CrawlPage))}
    engine.dispose()
    assert intervals[f"{site.url}/c"] < intervals[f"{site.url}/b"] < intervals[f"{site.url}/start"]


def test_every_page_is_fetched_after_its_greatest_age(site: DeltaSite, file_twins: Twins) -> None:
    file_twins.crawl("mapped")
    file_twins.crawl("mapped", DELTA_MAX_AGE=0)
    assert len(site.of_status(200)) == 5
    file_twins.assert_equal()


def test_a_complete_crawl_in_between_makes_the_next_one_fetch_everything(
    site: DeltaSite, file_twins: Twins
) -> None:
    file_twins.crawl()
    file_twins.crawl(DELTA="off")
    file_twins.crawl()
    assert site.of_status(304) == []
    file_twins.assert_equal()


def test_changed_code_of_the_spider_fetches_everything(
    site: DeltaSite, file_twins: Twins, tmp_path: Path
) -> None:
    source = (Path(__file__).parent / "delta_spiders.py").read_text()
    file = tmp_path / "own_spiders.py"
    file.write_text(source)
    own = {"env": {"PYTHONPATH": str(tmp_path)}, "SPIDER_MODULES": "own_spiders"}
    file_twins.crawl(**own)
    file.write_text(source.replace("        page = response.json()", "        page = dict(response.json())"))
    file_twins.crawl(**own)
    assert site.of_status(304) == []
    file_twins.crawl(**own)
    assert len(site.of_status(304)) == 5
    file_twins.assert_equal()


def test_a_page_that_redirects_is_asked_at_its_last_url(site: DeltaSite, file_twins: Twins) -> None:
    site.moved = {"/c": "/c/here"}
    site.pages["/c/here"] = {"items": [quote(4)], "pages": ["/d"]}
    site.pages["/d"] = {"items": [quote(5)]}
    site.pages["/c/there"] = site.pages["/c/here"]
    file_twins.crawl()
    file_twins.crawl()
    assert "/c/here" in site.of_status(304)
    site.moved = {"/c": "/c/there"}  # the validators of another URL are not sent
    file_twins.crawl()
    assert "/c/there" in site.of_status(200)
    file_twins.assert_equal()


def test_a_304_with_the_headers_of_a_compressed_page_is_complete(site: DeltaSite, file_twins: Twins) -> None:
    site.gzipped = True
    file_twins.crawl()
    file_twins.crawl()
    assert len(site.of_status(304)) == 5
    file_twins.assert_equal()


def test_records_of_pages_that_are_not_on_the_site_any_more_are_deleted(
    site: DeltaSite, file_twins: Twins
) -> None:
    file_twins.crawl()
    assert records(file_twins.delta) == 5
    site.pages["/start"]["pages"] = ["/b"]
    file_twins.crawl()
    assert records(file_twins.delta) == 2
    file_twins.assert_equal()


def test_without_delta_nothing_is_recorded(site: DeltaSite, file_twins: Twins) -> None:
    file_twins.crawl()
    assert records(file_twins.full) == 0
    assert unchanged_pages(file_twins.full) == {}


def test_a_wrong_setting_stops_the_crawl_in_one_line(site: DeltaSite, file_twins: Twins) -> None:
    settings = {"DATABASE_URL": file_twins.delta, "SPIDER_MODULES": SPIDERS, "DELTA": "often"}
    code, log = file_twins.run("catalogue", settings, {})
    assert code == 1
    assert "DELTA='often' is not off, on or adaptive" in log


@pytest.mark.parametrize("commit", [3, 5])
def test_a_delta_crawl_that_is_killed_and_resumed_stores_the_same(
    site: DeltaSite, twins: Twins, commit: int
) -> None:
    for number in range(40):
        path = f"/many/{number}"
        site.pages["/c"].setdefault("pages", []).append(path)
        site.pages[path] = {"items": [quote(100 + number)]}
    twins.crawl()
    site.pages["/many/7"]["items"] = [quote(107, "changed")]
    site.pages["/many/9"]["items"] = []
    env = {"DATABASE_URL": twins.delta, "DEMO_URL": site.url, "KILL_AT_COMMIT": str(commit)}
    options = "-s", f"SPIDER_MODULES={SPIDERS}", "-s", "DELTA=on"
    killed = scrapy("crawl", "catalogue", *options, **env)
    assert killed.returncode == -9
    twins.crawl()
    twins.assert_equal()


@pytest.mark.parametrize(
    ("spider", "is_asked"), [("listed", False), ("listed_apart", True)], ids=["in start()", "read_changes()"]
)
def test_a_resumed_run_does_not_take_a_list_of_changes_that_it_did_not_read_for_an_empty_one(
    site: DeltaSite, file_twins: Twins, tmp_path: Path, spider: str, is_asked: bool
) -> None:
    site.has_etags = False
    paths = [f"/many/{number}" for number in range(40)]
    site.pages["/c"]["pages"] = paths
    site.pages |= {path: {"items": [quote(100 + number)]} for number, path in enumerate(paths)}
    changes = tmp_path / "changes.json"
    changes.write_text("[]")
    file_twins.crawl(spider, {"HOOK_FILE": str(changes)})
    for number, path in enumerate(paths):
        site.pages[path]["items"] = [quote(100 + number, "changed")] if number % 4 == 0 else []
    changes.write_text(json.dumps(paths))
    env = {"DATABASE_URL": file_twins.delta, "DEMO_URL": site.url, "HOOK_FILE": str(changes)}
    options = "-s", f"SPIDER_MODULES={SPIDERS}", "-s", "DELTA=on"
    assert scrapy("crawl", spider, *options, **env, KILL_AT_COMMIT="7").returncode == -9
    file_twins.crawl(spider, {"HOOK_FILE": str(changes)})
    assert ("changed_since is not asked" in file_twins.log) is not is_asked
    file_twins.assert_equal()


def test_pages_are_fetched_if_the_list_of_changes_cannot_be_read(
    site: DeltaSite, file_twins: Twins, tmp_path: Path
) -> None:
    site.has_etags = False
    changes = tmp_path / "changes.json"
    changes.write_text("[]")
    file_twins.crawl("listed_apart", {"HOOK_FILE": str(changes)})
    file_twins.crawl("listed_apart", {"HOOK_FILE": str(changes)})
    assert site.of_status(200) == ["/start"]
    changes.unlink()
    file_twins.crawl("listed_apart", {"HOOK_FILE": str(changes)})
    assert len(site.of_status(200)) == 5
    assert "read_changes raised FileNotFoundError" in file_twins.log
    file_twins.assert_equal()


@pytest.mark.parametrize(
    ("spider", "moved"),
    [("catalogue", {}), ("listed_apart", {"/a": "/a/here"})],
    ids=["304", "skipped redirect"],
)
def test_a_page_that_sets_a_cookie_for_later_pages_is_fetched(
    site: DeltaSite, file_twins: Twins, tmp_path: Path, spider: str, moved: dict[str, str]
) -> None:
    changes = tmp_path / "changes.json"
    changes.write_text('["/a/last"]')
    site.pages["/a/here"] = site.pages["/a"]
    site.pages |= {"/a/more": {"pages": ["/a/last"]}, "/a/last": {"items": [quote(3, "untranslated")]}}
    site.moved, site.cookies = moved, {"/a": "language=de; Path=/"}
    site.with_cookie = {"/a/last": {"items": [quote(3, "uebersetzt")]}}
    file_twins.crawl(spider, {"HOOK_FILE": str(changes)}, CONCURRENT_REQUESTS=1)
    site.with_cookie = {"/a/last": {"items": [quote(3, "neu uebersetzt")]}}
    site.pages["/a/last"]["items"] = [quote(3, "new, untranslated")]
    file_twins.crawl(spider, {"HOOK_FILE": str(changes)}, CONCURRENT_REQUESTS=1)
    assert "/a/more" in unchanged_pages(file_twins.delta)
    file_twins.assert_equal()
