"""Spiders whose ``start()`` has more requests than a trial has pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

from scrapy import Request
from scrapy.http import Response

from spiders.base import SiteSpider


class ManyStartsSpider(SiteSpider):
    """``start()`` never ends. Links to another site are between its pages."""

    name = "many_starts"
    allowed_domains = ["127.0.0.1"]  # noqa: RUF012
    custom_settings = {  # noqa: RUF012
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "RETRY_TIMES": 1,
        "DOWNLOAD_SLOTS": {"127.0.0.1": {"concurrency": 8, "delay": 0, "jitter": 0}},
    }

    async def start(self) -> AsyncIterator[Any]:
        for number in count():
            yield Request(f"{self.settings['DEMO_URL']}/?{number}", self.parse)
            yield Request(f"http://elsewhere.example/?{number}", self.parse)

    def parse(self, response: Response) -> Iterator[Any]:
        for number in range(10):
            yield Request(f"{response.url}-{number}", self.parse)


class WaitingStartSpider(ManyStartsSpider):
    """``start()`` waits for something that never comes after its first two requests; one page fails."""

    name = "waiting_start"

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.settings['DEMO_URL']}/?1", self.parse)
        yield Request("http://127.0.0.1:9/?refused", self.parse)
        await asyncio.Event().wait()
