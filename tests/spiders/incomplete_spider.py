"""A spider that requests each page of ``tests.spiders.incomplete_site`` in one way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request
from scrapy.http import Response
from scrapy_splash import SplashRequest

from spiders.base import SiteSpider


class IncompleteSpider(SiteSpider):
    """``-a site=URL -a way=NAME -a kinds=a,b -a times=N``; each article that a callback sees is an item."""

    name = "incomplete"
    custom_settings = {  # noqa: RUF012
        "ITEM_PIPELINES": {},
        "RETRY_TIMES": 1,
        "DOWNLOAD_SLOTS": {"127.0.0.1": {"concurrency": 16, "delay": 0, "jitter": 0}},
        "DOWNLOAD_TIMEOUT": 8,
        "CONCURRENT_REQUESTS": 16,
        "LOG_LEVEL": "WARNING",
        "MAX_FAILED_SHARE": 1,
        "MAX_CUT_SHARE": 1,
    }
    wait_timeout = 4.0
    plain_wait = 0.1
    site, way, kinds, times = "", "", "", "1"

    async def start(self) -> AsyncIterator[Any]:
        for number in range(int(self.times)):
            for kind in self.kinds.split(","):
                yield self.page(f"/{kind}/{number}")

    def page(self, path: str) -> Request:
        url = self.site + path
        match self.way:
            case "render":
                return self.render(url, self.parse, wait_for="//article")
            case "fixed":  # with SPLASH_SCRIPTS=0
                return self.render(url, self.parse, wait_for="//article", timeout=1)
            case "scrolled":
                return self.render_scrolled(url, self.parse, items="//article", quiet=0.3, scroll_timeout=8)
            case "pages":
                return self.render_pages(
                    url, self.parse, next_button=".next", wait_for="//article", max_pages=5
                )
            case "log_in":
                fields = {"user": "somebody", "pass": "whatever"}
                request = self.log_in(
                    f"{self.site}/form{path}", self.parse, fields=fields, logged_in="//article"
                )
                request.meta["makes_session"] = False  # so that a failed login does not end the crawl
                return request
            case "html":  # a plain SplashRequest
                return SplashRequest(url, self.parse, args={"wait": 0.1, "timeout": 8})  # type: ignore[no-any-return]
        return Request(url, self.parse)

    def parse(self, response: Response) -> Iterator[dict[str, str]]:
        for row in response.css("article::attr(id)").getall():
            yield {"page": response.url, "row": row}
