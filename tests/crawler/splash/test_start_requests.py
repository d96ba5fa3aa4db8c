"""Whether a spider starts with ``start`` or with ``start_requests``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import scrapy
from scrapy.spiders import SitemapSpider

from crawler.splash.start_requests import add_start


class Old(scrapy.Spider):
    name = "old"

    def start_requests(self) -> Iterator[Any]:
        yield "old"


class OldList(scrapy.Spider):
    name = "list"

    def start_requests(self) -> list[Any]:
        return ["list"]


class OldAsync(scrapy.Spider):
    name = "async"

    async def start_requests(self) -> AsyncIterator[Any]:
        yield "async"


class Both(Old):
    async def start(self) -> AsyncIterator[Any]:
        yield "new"


class OldAgain(Both):
    def start_requests(self) -> Iterator[Any]:
        yield "old again"


class OldSitemap(SitemapSpider):
    name = "sitemap"

    def start_requests(self) -> Iterator[Any]:
        yield "no sitemap"


class Neither(scrapy.Spider):
    name = "neither"
    start_urls = ("http://a.example/",)


class Broken(scrapy.Spider):
    name = "broken"

    def start_requests(self) -> None:
        return None


def started(cls: type[scrapy.Spider]) -> list[Any]:
    async def collect() -> list[Any]:
        spider = cls()
        add_start(spider)
        add_start(spider)  # both middlewares call it
        return [getattr(one, "url", one) async for one in spider.start()]

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("spider", "requests"),
    [
        (Old, ["old"]),
        (OldList, ["list"]),
        (OldAsync, ["async"]),
        (Both, ["new"]),
        (OldAgain, ["old again"]),
        (OldSitemap, ["no sitemap"]),
        (Neither, ["http://a.example/"]),
    ],
)
def test_a_spider_starts_with_its_most_derived_method(
    spider: type[scrapy.Spider], requests: list[str]
) -> None:
    assert started(spider) == requests


def test_start_requests_that_returns_none_raises() -> None:
    with pytest.raises(TypeError):
        started(Broken)
