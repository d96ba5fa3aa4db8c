"""The spider middleware that passes the dates of a sitemap on: the requests of a SitemapSpider get ``lastmod``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from scrapy.spiders import SitemapSpider
from w3lib.url import safe_url_string

from crawler.delta.settings import DeltaSettings
from crawler.meta_keys import LASTMOD


class SitemapDatesMiddleware:
    """The middleware next to the spider. It notes the entries that the spider's ``sitemap_filter`` lets through."""

    def __init__(self, spider: SitemapSpider) -> None:
        self._dates: dict[str, str] = {}
        self._filter = spider.sitemap_filter
        spider.sitemap_filter = self._noting  # type: ignore[method-assign]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not isinstance(crawler.spider, SitemapSpider) or not DeltaSettings.of(crawler.settings).enabled:
            raise NotConfigured
        return cls(crawler.spider)

    def _noting(self, entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for entry in self._filter(entries):
            if entry.get("loc") and entry.get("lastmod"):
                self._dates[safe_url_string(entry["loc"])] = entry["lastmod"]
            yield entry

    def process_spider_output(self, response: Response, result: Iterable[Any]) -> Iterator[Any]:
        for one in result:
            yield self._dated(one)

    async def process_spider_output_async(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            yield self._dated(one)

    def _dated(self, one: Any) -> Any:
        if isinstance(one, Request) and (date := self._dates.pop(one.url, None)):
            one.meta.setdefault(LASTMOD.name, date)
        return one
