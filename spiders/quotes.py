"""Quotations of the demo site, on one page that loads more when it is scrolled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy.http import Response

from models import Quote
from spiders.base import SiteSpider


class QuotesSpider(SiteSpider):
    name = "quotes"
    model = Quote
    schedule = "45 3 * * 0"

    async def start(self) -> AsyncIterator[Any]:
        url = f"{self.settings['DEMO_URL']}/quotes"
        yield self.render_scrolled(url, self.parse, items=".quote", end=".the-end")

    def parse(self, response: Response) -> Iterator[Any]:
        for quote in response.xpath("//*[@class='quote']"):
            yield {
                "quote_id": quote.xpath("@data-id").get(),
                "body": quote.xpath("string(.//*[@class='body'])").get(),
                "author": quote.xpath("string(.//*[@class='author'])").get(),
                "tags": ", ".join(quote.xpath(".//*[@class='tag']/text()").getall()),
            }
