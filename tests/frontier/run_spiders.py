"""Spiders for tests of a run's frontier; they ask the demo site for its first page again and again.

Requests that leave are noted in the file REQUESTS_LOG.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.http import Response

from spiders.base import SiteSpider


class NoteRequests:
    def process_request(self, request: Request) -> None:
        with Path(os.environ["REQUESTS_LOG"]).open("a") as log:
            log.write(f"{request.url.partition('?')[2]}\n")


class PageSpider(SiteSpider):
    custom_settings = {  # noqa: RUF012
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "LOG_LEVEL": "INFO",
        "CONCURRENT_REQUESTS": 1,
        "DOWNLOADER_MIDDLEWARES": {NoteRequests: 1},
    }

    def page(self, said: str, **request: Any) -> Request:
        return Request(f"{self.settings['DEMO_URL']}/?{said}", **request)

    def parse(self, response: Response) -> None:
        pass


class ManySpider(PageSpider):
    """One page with 200 links of priorities -3 to 3."""

    name = "many"

    async def start(self) -> AsyncIterator[Any]:
        yield self.page("list", callback=self.parse_list)

    def parse_list(self, response: Response) -> Iterator[Any]:
        for number in range(200):
            priority = number * 37 % 7 - 3
            yield self.page(f"{priority},{number}", priority=priority)


class EndlessSpider(PageSpider):
    """A page that leads to the next one, for ever."""

    name = "endless"

    async def start(self) -> AsyncIterator[Any]:
        yield self.page("1", cb_kwargs={"number": 1})

    def parse(self, response: Response, number: int = 1) -> Iterator[Any]:  # type: ignore[override]
        yield self.page(f"{number + 1}", cb_kwargs={"number": number + 1})


class LateSpider(PageSpider):
    """A request that has to wait, yielded before two that have not."""

    name = "late"

    async def start(self) -> AsyncIterator[Any]:
        yield self.page("late", meta={"delay": 2})
        yield self.page("one")
        yield self.page("two")


class UnstorableSpider(PageSpider):
    """A page with a link that could not be stored: between two others."""

    name = "unstorable"

    async def start(self) -> AsyncIterator[Any]:
        yield self.page("list", callback=self.parse_list)

    def parse_list(self, response: Response) -> Iterator[Any]:
        yield self.page("before")
        yield self.page("bad", meta={"response": response} if not os.environ.get("MENDED") else {})
        yield self.page("after")


class TurnsSpider(PageSpider):
    """One page that is not there, one that the site sends elsewhere, one off-site, one that fails."""

    name = "turns"
    allowed_domains = ["127.0.0.1"]  # noqa: RUF012
    custom_settings = {**PageSpider.custom_settings, "RETRY_TIMES": 1}  # noqa: RUF012

    async def start(self) -> AsyncIterator[Any]:
        site = self.settings["DEMO_URL"]
        yield self.page("good", callback=self.parse_good)
        yield Request(f"{site}/missing?gone")
        yield Request("http://127.0.0.1:9/?refused")

    def parse_good(self, response: Response) -> Iterator[Any]:
        yield Request("http://elsewhere.example/?offsite")


class StartRaisesSpider(PageSpider):
    name = "start_raises"

    async def start(self) -> AsyncIterator[Any]:
        yield self.page("one")
        if not os.environ.get("MENDED"):
            raise RuntimeError("the list of shops is empty")
        yield self.page("two")
