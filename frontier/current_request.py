"""Says which request is being worked on, for the lines that are logged meanwhile (``crawler.log_ids``)."""

from __future__ import annotations

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

from crawler.log_ids import NUMBER, current_request


class RequestIdMiddleware:
    """The first that a request meets on its way to the downloader, and a response on its way to the spider.

    Not there unless the log names requests (``LOG_FORMAT=json``).
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if crawler.settings.get("LOG_FORMAT") != "json":
            raise NotConfigured
        return cls()

    def process_request(self, request: Request) -> None:
        current_request.set(request.meta.get(NUMBER))

    def process_spider_input(self, response: Response) -> None:
        assert response.request is not None
        current_request.set(response.request.meta.get(NUMBER))
