"""Our spiders against the demo site: every row that the site says there is, whichever renderer and database."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from crawler.commands.demo import untrue
from models import Book, Order, Quote, Review, Row
from models.session import make_engine
from models.snapshot import snapshot
from tests.conftest import service
from tests.crawls import crawl, scrapy
from tests.processes import free_port, server

BOOKS = 60
TABLES: dict[str, type[Row]] = {"books": Book, "reviews": Review, "quotes": Quote, "orders": Order}


@pytest.fixture(scope="module")
def small_shop() -> Iterator[str]:
    """The shop with few books, so that it can be crawled often."""
    with server("demo", "--port", "0", "--books", str(BOOKS), "--exit-with-stdin") as url:
        yield url


def truth(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/truth.json", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def assert_true(engine: Engine, url: str, *names: str) -> None:
    expected = truth(url)
    for name in names:
        wrong = untrue(snapshot(engine, TABLES[name]), expected[name], TABLES[name])
        assert not wrong, f"{name}: {wrong}"


def test_three_sites_end_up_in_every_database_as_they_are(
    renderer: str, database_url: str, engine: Engine, small_shop: str
) -> None:
    env = {"SPLASH_URL": renderer, "DATABASE_URL": database_url, "DEMO_URL": small_shop}
    for spider in ("books", "quotes", "orders"):
        crawl(spider, **env)
    assert_true(engine, small_shop, *TABLES)


def test_the_embedded_renderer_is_started_and_ended_by_the_crawl(tmp_path: Path, small_shop: str) -> None:
    database = f"sqlite:///{tmp_path}/x.db"
    done = crawl("books", SPLASH_URL="", DATABASE_URL=database, DEMO_URL=small_shop)
    engine = make_engine(database)
    assert_true(engine, small_shop, "books", "reviews")
    engine.dispose()
    assert f"{BOOKS} rows stored, 0 rejected" in done.stderr


def test_a_day_later_the_rows_that_were_seen_are_the_new_days(tmp_path: Path, chromium_renderer: str) -> None:
    env = {"SPLASH_URL": chromium_renderer, "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    engine = make_engine(env["DATABASE_URL"])
    port = str(free_port())  # the same on both days: it is in the rows
    for day in ("1", "2"):
        with server("demo", "--port", port, "--books", "200", "--day", day, "--exit-with-stdin") as url:
            crawl("books", DEMO_URL=url, **env)
            seen = snapshot(engine, Book, run_id=int(day))
            assert not untrue(seen, truth(url)["books"], Book)
    engine.dispose()


def test_without_scripts_in_splash_the_pages_are_taken_after_a_fixed_wait(
    tmp_path: Path, renderer: str, small_shop: str
) -> None:
    database = f"sqlite:///{tmp_path}/x.db"
    crawl("books", SPLASH_URL=renderer, SPLASH_SCRIPTS="0", DATABASE_URL=database, DEMO_URL=small_shop)
    engine = make_engine(database)
    assert_true(engine, small_shop, "books")
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


def test_buttons_slow_tails_and_pages_that_never_come(tmp_path: Path, renderer: str, small_shop: str) -> None:
    (tmp_path / "catalogue.py").write_text(CATALOGUE)
    done = scrapy(
        "runspider", str(tmp_path / "catalogue.py"), "-O", f"{tmp_path}/out.jsonl",
        SPLASH_URL=renderer, DEMO_URL=small_shop,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[str]] = {}
    for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        found.setdefault(item["kind"], []).append(item["name"])
    skus = [book["sku"] for book in truth(small_shop)["books"]]
    assert found["entry"] == skus
    assert found["fresh"] == ["10"]
    assert len(found["once"]) == 1
    assert "never" not in found
    assert "//li[@id='x']" in found["error"][0] and "never appeared" in found["error"][0]
    # ... and the report at the end names that page.
    assert f"gave nothing: {small_shop}/never" in done.stderr


def test_a_login_that_fails_stores_nothing_and_says_so(
    tmp_path: Path, chromium_renderer: str, small_shop: str
) -> None:
    done = scrapy(
        "crawl", "orders", "-a", "password=wrong-secret",
        SPLASH_URL=chromium_renderer, DEMO_URL=small_shop, DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
    )  # fmt: skip
    assert done.returncode == 2
    assert "never appeared" in done.stderr
    assert "wrong-secret" not in done.stderr
    engine = make_engine(f"sqlite:///{tmp_path}/x.db")
    assert snapshot(engine, Order) == {}
    engine.dispose()


def test_the_real_splash_and_ours_give_identical_tables(
    tmp_path: Path, real_splash: str, chromium_renderer: str, small_shop: str
) -> None:
    tables = []
    for name, (splash, database) in {
        "embedded": ("", f"sqlite:///{tmp_path}/x.db"),
        "mariadb": (real_splash, service("TEST_MARIADB_URL", "MariaDB")),
        "postgresql": (real_splash, service("TEST_POSTGRESQL_URL", "PostgreSQL")),
    }.items():
        scrapy("migrate", DATABASE_URL=database)
        crawl("books", SPLASH_URL=splash, DATABASE_URL=database, DEMO_URL=small_shop)
        engine = make_engine(database)
        tables.append([snapshot(engine, model) for model in (Book, Review)])
        engine.dispose()
        assert tables[0] == tables[-1], name
