"""ShopSpider: each page of its site is JSON with the items to yield, the pages to follow and an error to raise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request
from scrapy.http import Response

from models import Quote
from spiders.base import SiteSpider


class ShopSpider(SiteSpider):
    name = "shop"
    model = Quote
    custom_settings = {  # noqa: RUF012
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "RETRY_TIMES": 0,
        "LOG_LEVEL": "INFO",
    }

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.settings['DEMO_URL']}/start", self.parse)
        if self.settings.getbool("START_RAISES"):
            raise RuntimeError("the list of shops is empty")

    def parse(self, response: Response) -> Iterator[Any]:
        page = response.json()  # type: ignore[attr-defined]
        yield from page.get("items", [])
        for path in page.get("pages", []):
            yield Request(response.urljoin(path), self.parse)
        if "error" in page:
            raise ValueError(page["error"])
