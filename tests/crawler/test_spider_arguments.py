"""The arguments of a run's scope are those that Scrapy got, whatever the spider does with them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import scrapy
from scrapy.crawler import Crawler
from scrapy.spiders import CrawlSpider, CSVFeedSpider, SitemapSpider, XMLFeedSpider

import crawler.settings  # noqa: F401 - its import installs the notes of arguments
from crawler.spider.arguments import arguments_of
from models import CrawlRun
from models.run import claim_run, scope_of
from models.schema import upgrade
from models.session import make_engine, make_sessions
from spiders.base import SiteSpider


class Swallows(scrapy.Spider):
    def __init__(self, cat: str = "", *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class SiteSwallows(SiteSpider):
    def __init__(self, cat: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)


class Renames(scrapy.Spider):
    def __init__(self, cat: str = "", **kwargs: Any) -> None:
        super().__init__(category=cat.upper(), **kwargs)


class OwnMeaning(scrapy.Spider):
    arguments = ("not", "those of the command line")


class OwnFromCrawler(scrapy.Spider):
    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("cat")
        return super().from_crawler(crawler, *args, **kwargs)


KINDS = [
    *(scrapy.Spider, CrawlSpider, SitemapSpider, XMLFeedSpider, CSVFeedSpider, SiteSpider),
    *(Swallows, SiteSwallows, Renames, OwnMeaning, OwnFromCrawler),
]


def begun(kind: type[scrapy.Spider], *args: Any, **kwargs: Any) -> Crawler:
    """Return a crawl of such a spider that ended right after its spider was made."""
    named = type("Named", (kind,), {"name": "shop"})
    crawler = Crawler(named, {"STATS_CLASS": "no.such.Class"})
    with pytest.raises(ModuleNotFoundError):
        asyncio.run(crawler.crawl_async(*args, **kwargs))
    assert crawler.spider is not None
    return crawler


@pytest.mark.parametrize("kind", KINDS)
def test_each_class_of_spider_has_the_arguments_of_its_command_line(kind: type[scrapy.Spider]) -> None:
    assert arguments_of(begun(kind, cat="a", lang="de")) == {"cat": "a", "lang": "de"}


def test_a_crawler_process_without_asyncio_notes_the_arguments_too() -> None:
    crawler = Crawler(type("Named", (Swallows,), {"name": "shop"}), {"STATS_CLASS": "no.such.Class"})
    failed: list[Any] = []
    crawler.crawl(cat="a").addErrback(failed.append)
    assert failed and arguments_of(crawler) == {"cat": "a"}


def test_the_name_of_the_spider_is_no_argument_but_other_positions_are() -> None:
    assert arguments_of(begun(SiteSpider, name="shop", cat="a")) == {"cat": "a"}
    assert arguments_of(begun(scrapy.Spider, "shop")) == {}
    assert arguments_of(begun(Swallows, "a")) == {"0": "a"}


def test_an_argument_that_a_site_spider_adds_belongs_to_the_scope() -> None:
    class Adds(SiteSpider):
        @classmethod
        def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Any:
            return super().from_crawler(crawler, *args, shop="one", **kwargs)

    assert arguments_of(begun(Adds, cat="a")) == {"cat": "a", "shop": "one"}


def test_the_scope_has_no_secrets_and_a_keyword_is_none() -> None:
    secret = {
        "password": "p",
        "db_passwd": "p",
        "SECRET": "p",
        "auth_token": "p",
        "api_key": "p",
        "apiKey": "p",
    }
    assert set(arguments_of(begun(scrapy.Spider, **secret)).values()) == {"***"}
    plain = {"keyword": "shoes", "keyboard": "qwerty", "monkey": "1"}
    assert arguments_of(begun(scrapy.Spider, **plain)) == plain


def test_an_object_that_a_script_passes_has_the_same_text_in_each_process() -> None:
    class Thing:
        pass

    given = {
        "things": [Thing(), ("a", 1)],
        "when": datetime(2026, 1, 2, tzinfo=UTC),
        "price": Decimal("1.50"),
        "kinds": {"b", "a"},
        "share": float("nan"),
        "text": "a\x00b\udcff",
    }
    found = arguments_of(begun(scrapy.Spider, **given))
    assert json.loads(json.dumps(found, allow_nan=False).encode()) == {
        "things": [f"{Thing.__module__}.{Thing.__qualname__}", ["a", 1]],
        "when": "2026-01-02 00:00:00+00:00",
        "price": "1.50",
        "kinds": ["a", "b"],
        "share": "nan",
        "text": "a\\x00b\\udcff",
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ({"cat": "a", "lang": "ü"}, {"cat": "a", "lang": "ü"}),
        (
            {"user": "me", "password": "p", "api_key": "k"},
            {"user": "me", "password": "***", "api_key": "***"},
        ),
    ],
)
def test_a_crawl_still_finds_an_older_run_of_a_site_spider(
    tmp_path: Path, given: dict[str, str], kept: dict[str, str]
) -> None:
    """Older versions made the scope by this formula, from the arguments that SiteSpider had."""
    scope = hashlib.sha256(json.dumps(["shop", kept], sort_keys=True, default=str).encode()).digest()
    engine = make_engine(f"sqlite:///{tmp_path}/runs.db")
    upgrade(engine)
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        session.add(
            CrawlRun(
                spider="shop", arguments=kept, scope=scope, unfinished=scope, started_at=datetime.now(UTC)
            )
        )
    arguments = arguments_of(begun(SiteSpider, **given))
    held = claim_run(sessions, "shop", arguments)
    engine.dispose()
    assert held.resumed and held.scope == scope == scope_of("shop", arguments)
