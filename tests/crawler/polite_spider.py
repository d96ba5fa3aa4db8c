"""PoliteSpider: follows the links of a PoliteSite, plain or rendered, and yields its quotes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request
from scrapy.http import HtmlResponse

from models import Quote
from spiders.base import SiteSpider


class PoliteSpider(SiteSpider):
    name = "polite"
    model = Quote
    wait_timeout = 3.0
    custom_settings = {"LOG_LEVEL": "INFO"}  # noqa: RUF012

    def request(self, url: str) -> Request:
        if self.settings.getbool("RENDERED"):
            return self.render(url, self.parse, wait_for=".quote")
        return Request(url, self.parse)

    async def start(self) -> AsyncIterator[Any]:
        for path in self.settings.getlist("START", ["/start"]):
            yield self.request(f"{self.settings['DEMO_URL']}{path}")

    def parse(self, response: HtmlResponse) -> Iterator[Any]:
        for quote in response.css(".quote"):
            number = int(quote.attrib["id"])
            yield {"quote_id": number, "body": quote.css("::text").get(), "author": "A"}
        for link in response.css(".next::attr(href)").getall():
            yield self.request(response.urljoin(link))
