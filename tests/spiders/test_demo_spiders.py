"""Our spiders crawl the demo site: the tables have all rows of the site, with each renderer and database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crawler.commands.demo import untrue
from models import Book, Order, Review
from models.session import make_engine
from models.table_contents import table_contents
from tests.crawls import crawl, scrapy
from tests.processes import free_port, server
from tests.spiders.demo_truth import TABLES, assert_true, truth

BOOKS = 30


@pytest.fixture(scope="module")
def small_shop() -> Iterator[str]:
    """Yield the URL of a demo shop with few books, for short crawls."""
    with server("demo", "--port", "0", "--books", str(BOOKS), "--exit-with-stdin") as url:
        yield url


def test_crawled_tables_have_the_rows_of_the_demo_site(
    renderer: str, database_url: str, engine: Engine, small_shop: str
) -> None:
    env = {"SPLASH_URL": renderer, "DATABASE_URL": database_url, "DEMO_URL": small_shop}
    for spider in ("books", "quotes", "orders"):
        crawl(spider, **env)
    assert_true(engine, small_shop, *TABLES)


@pytest.fixture(scope="module")
def own_renderer(small_shop: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the database and the log of a crawl of the books that started its own renderer."""
    database = f"sqlite:///{tmp_path_factory.mktemp('own')}/x.db"
    done = crawl("books", SPLASH_URL="", DATABASE_URL=database, DEMO_URL=small_shop)
    return database, done.stderr


def test_a_crawl_without_splash_url_starts_its_own_renderer(
    own_renderer: tuple[str, str], small_shop: str
) -> None:
    database, log = own_renderer
    engine = make_engine(database)
    assert_true(engine, small_shop, "books", "reviews")
    engine.dispose()
    assert f"{BOOKS} book" in log and "rejected: 0" in log


def test_a_second_crawl_updates_the_rows_that_it_sees(tmp_path: Path, chromium_renderer: str) -> None:
    env = {"SPLASH_URL": chromium_renderer, "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    engine = make_engine(env["DATABASE_URL"])
    port = str(free_port())  # the same on both days: the rows have URLs
    for day in ("1", "2"):
        with server("demo", "--port", port, "--books", "40", "--day", day, "--exit-with-stdin") as url:
            crawl("books", DEMO_URL=url, **env)
            seen = table_contents(engine, Book, run_id=int(day))
            assert not untrue(seen, truth(url)["books"], Book)
    engine.dispose()


@pytest.fixture(scope="module")
def tiny_shop() -> Iterator[str]:
    """Yield the URL of a demo shop with few books, for a crawl that waits two seconds for each page."""
    with server("demo", "--port", "0", "--books", "8", "--exit-with-stdin") as url:
        yield url


def test_without_scripts_pages_are_rendered_after_a_fixed_wait(
    tmp_path: Path, renderer: str, tiny_shop: str
) -> None:
    database = f"sqlite:///{tmp_path}/x.db"
    crawl("books", SPLASH_URL=renderer, SPLASH_SCRIPTS="0", DATABASE_URL=database, DEMO_URL=tiny_shop)
    engine = make_engine(database)
    assert_true(engine, tiny_shop, "books")
    engine.dispose()


def test_a_feed_gets_the_same_values_as_the_table(
    tmp_path: Path, chromium_renderer: str, small_shop: str
) -> None:
    env = {
        "SPLASH_URL": chromium_renderer,
        "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
        "DEMO_URL": small_shop,
    }
    crawl("quotes", "-O", f"{tmp_path}/quotes.jsonl", **env)
    lines = [json.loads(line) for line in (tmp_path / "quotes.jsonl").read_text("utf-8").splitlines()]
    expected = truth(small_shop)["quotes"]
    assert sorted(lines, key=lambda line: line["quote_id"]) == expected


CATALOGUE = """
from models import Row
from models.types import ExactString
from sqlalchemy.orm import Mapped, mapped_column
from spiders.base import SiteSpider

class CatalogueSpider(SiteSpider):
    name = "catalogue"
    custom_settings = {"ITEM_PIPELINES": {}}
    missing = ""

    async def start(self):
        yield self.render_pages(
            self.settings["DEMO_URL"] + "/catalogue", self.parse_page, next_button=".next", wait_for=".entry"
        )
        yield self.render(self.settings["DEMO_URL"] + "/slow-tail", self.parse_slow, wait_for="//li[@class='fresh']")
        yield self.render(
            self.settings["DEMO_URL"] + "/never", self.parse_never, wait_for="//li[@id='x']", timeout=1.0,
            errback=self.never,
        )
        yield self.render_scrolled(
            self.settings["DEMO_URL"] + "/quotes", self.parse_never, items=".quote", end="//li[@id='end']", quiet=0.5,
            errback=self.never,
        )
        yield self.render(self.settings["DEMO_URL"] + "/broken/once/a", self.parse_once, wait_for=".ok")

    def parse_page(self, response):
        for entry in response.css(".entry"):
            yield {"kind": "entry", "name": entry.attrib["data-sku"]}

    async def parse_slow(self, response):
        yield {"kind": "fresh", "name": str(len(response.css(".fresh")))}

    def parse_never(self, response):
        yield {"kind": "never", "name": "was parsed"}

    def never(self, failure):
        yield {"kind": "error", "name": str(failure.value)}

    def parse_once(self, response):
        yield {"kind": "once", "name": response.css(".ok::text").get()}
"""


def test_a_spider_handles_buttons_slow_resources_and_missing_elements(
    tmp_path: Path, renderer: str, small_shop: str
) -> None:
    (tmp_path / "catalogue.py").write_text(CATALOGUE)
    done = scrapy(
        "runspider", str(tmp_path / "catalogue.py"), "-O", f"{tmp_path}/out.jsonl",
        SPLASH_URL=renderer, DEMO_URL=small_shop,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr[-3000:]  # one page never has its element, and one list no end
    found: dict[str, list[str]] = {}
    for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        found.setdefault(item["kind"], []).append(item["name"])
    skus = [book["sku"] for book in truth(small_shop)["books"]]
    assert found["entry"] == skus
    assert found["fresh"] == ["10"]
    assert len(found["once"]) == 1
    assert "never" not in found
    element, end = sorted(found["error"], key=lambda error: "end=" in error)
    assert "//li[@id='x']" in element and "never appeared" in element
    quotes = len(truth(small_shop)["quotes"])
    assert f"""end="//li[@id='end']" never appeared: {quotes} of '.quote' were there""" in end
    # ... and the report at the end names that page.
    assert f"no content: {small_shop}/never" in done.stderr


IMPATIENT = """
from spiders.orders import OrdersSpider

class ImpatientSpider(OrdersSpider):
    name = "impatient"
    wait_timeout = 3.0
"""


def test_a_failed_login_stores_nothing_and_is_reported(
    tmp_path: Path, chromium_renderer: str, small_shop: str
) -> None:
    (tmp_path / "impatient.py").write_text(IMPATIENT)
    done = scrapy(
        "crawl", "impatient", "-s", "SPIDER_MODULES=impatient", "-a", "password=wrong-secret",
        SPLASH_URL=chromium_renderer, DEMO_URL=small_shop, DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
        PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 2
    assert "sent the form, but logged_in=" in done.stderr
    assert "wrong-secret" not in done.stderr
    engine = make_engine(f"sqlite:///{tmp_path}/x.db")
    assert table_contents(engine, Order) == {}
    engine.dispose()


def test_splash_and_our_renderer_fill_identical_tables(
    server_url: str, own_renderer: tuple[str, str], real_splash: str, small_shop: str
) -> None:
    crawl("books", SPLASH_URL=real_splash, DATABASE_URL=server_url, DEMO_URL=small_shop)
    tables = []
    for database in (own_renderer[0], server_url):
        engine = make_engine(database)
        tables.append([table_contents(engine, model) for model in (Book, Review)])
        engine.dispose()
    assert tables[0] == tables[1]
    assert all(tables[0])
