"""Which of ``start`` and ``start_requests`` a spider means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import scrapy
from scrapy.spiders import SitemapSpider

from crawler.splash.start_requests import give_start


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
        give_start(spider)
        give_start(spider)  # both middlewares do
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
def test_a_spider_starts_with_its_own_word(spider: type[scrapy.Spider], requests: list[str]) -> None:
    assert started(spider) == requests


def test_nothing_is_an_error_and_not_an_empty_crawl() -> None:
    with pytest.raises(TypeError):
        started(Broken)
