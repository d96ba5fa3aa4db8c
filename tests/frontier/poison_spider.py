"""A spider whose items are bad in every way that a site can think of; each bad one says in its body how."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request
from scrapy.http import Response

from models import Quote
from spiders.base import SiteSpider

FAULTS: dict[str, dict[str, Any]] = {
    "too long": {"author": "x" * 121},
    "wrong type": {"quote_id": "forty-two", "body": {"a": 1}},
    "NUL": {"body": "one\x00two"},
    "surrogate": {"author": "half \ud800 a character"},
    "missing": {"author": None},
    "out of range": {"quote_id": 2**40},
}
ROWS_A_PAGE = 20


class PoisonSpider(SiteSpider):
    name = "poison"
    model = Quote
    pages = 50
    custom_settings = {"RENDERER_ENABLED": False, "ROBOTSTXT_OBEY": False, "LOG_LEVEL": "ERROR"}  # noqa: RUF012

    async def start(self) -> AsyncIterator[Any]:
        for number in range(int(self.pages)):  # -a gives text
            url = f"{self.settings['DEMO_URL']}/?poison={number}"
            yield Request(url, self.parse, cb_kwargs={"number": number})

    def parse(self, response: Response, number: int) -> Iterator[Any]:
        for n in range(ROWS_A_PAGE):
            yield {"quote_id": number * ROWS_A_PAGE + n, "body": f"body {n}", "author": "A"}
        yield {"quote_id": number * ROWS_A_PAGE, "body": "again on this page", "author": "A"}
        fault = list(FAULTS)[number % len(FAULTS)]
        yield {"quote_id": -number - 1, "body": f"bad: {fault}", "author": "A"} | FAULTS[fault]
