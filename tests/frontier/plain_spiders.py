"""Spiders that are no SiteSpider; each crawls the part of a FakeShop that its argument ``cat`` names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import scrapy
from scrapy import Request
from scrapy.http import Response
from scrapy.spiders import CrawlSpider

from models import Quote

SETTINGS = {
    "RENDERER_ENABLED": False,
    "ROBOTSTXT_OBEY": False,
    "RETRY_TIMES": 0,
    "LOG_LEVEL": "INFO",
}


class Reads:
    """What they have in common: each page says in JSON which items and pages it has."""

    model = Quote
    custom_settings: ClassVar[dict[str, Any]] = SETTINGS
    cat: str
    settings: Any

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.settings['DEMO_URL']}/{self.cat}", self.read)

    def read(self, response: Response) -> Iterator[Any]:
        page = response.json()  # type: ignore[attr-defined]
        yield from page.get("items", [])
        for path in page.get("pages", []):
            yield Request(response.urljoin(path), self.read)


class PlainSpider(Reads, scrapy.Spider):
    name = "plain"


class SwallowingSpider(Reads, CrawlSpider):
    """Its base class never hears of its argument."""

    name = "swallowing"

    def __init__(self, cat: str = "", *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cat = cat.lower()
