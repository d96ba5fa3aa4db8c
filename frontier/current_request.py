"""Notes the current request for the log lines that are written meanwhile (``crawler.logs.run_ids``)."""

from __future__ import annotations

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

from crawler.logs.run_ids import current_request
from crawler.meta_keys import REQUEST_NUMBER


class RequestIdMiddleware:
    """The first that a request meets on its way to the downloader, and a response on its way to the spider.

    Scrapy leaves it out unless the log names requests (``LOG_FORMAT=json``).
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if crawler.settings.get("LOG_FORMAT") != "json":
            raise NotConfigured
        return cls()

    def process_request(self, request: Request) -> None:
        current_request.set(REQUEST_NUMBER.get(request))

    def process_spider_input(self, response: Response) -> None:
        assert response.request is not None
        current_request.set(REQUEST_NUMBER.get(response.request))
