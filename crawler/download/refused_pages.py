"""Refused pages: a downloader middleware that keeps HTTP 402, 403 and challenge pages from retries and callbacks."""

from __future__ import annotations

import logging
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.page.refusal import RefusedBySite, refusal_of

logger = logging.getLogger("splashdown.refused")


class RefusedPageMiddleware:
    """Is called before RetryMiddleware, which would request a challenge page with HTTP 429 or 503 again."""

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats is not None
        self.crawler, self.stats = crawler, crawler.stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Response:
        """Return the response.

        Raises:
            RefusedBySite: the site refused the page. The page's errback gets it.
        """
        refusal = refusal_of(request, response, self.crawler)
        if refusal is None:
            return response
        logger.info("%s: refused by the site: %s", response.url, refusal)
        self.stats.inc_value(f"refused/{response.status}")
        response.request = response.request or request  # errbacks read it there
        raise RefusedBySite(response, refusal)
