"""Finds answers that end too early: compressed bodies without their end, which fail, and HTML without its end tags.

Scrapy fails an answer with fewer bytes than announced, but decompresses a part of a gzip stream without an error.
"""

from __future__ import annotations

import logging
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import ResponseDataLossError
from scrapy.http import Response, TextResponse

from crawler.page.completeness import CUT, CUT_OFF, LOOK, NO_END, lacks_end, packing_ends
from crawler.splash.request_mapping import is_splash_request

logger = logging.getLogger(__name__)

# Scrapy's flags: the answer ended with its connection, which HTTP allows; it did not end, but the setting
# DOWNLOAD_FAIL_ON_DATALOSS or the request says that this is no failure; a signal handler stopped the download.
ENDED_BY_CLOSE, LOST, STOPPED = "partial", "dataloss", "download_stopped"


class CutOffMiddleware:
    """The middleware next to the download, where bodies are still compressed."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return the response, with a flag if it may lack its end; or the request for another try.

        Raises:
            ResponseDataLossError: the compressed body has no end, and there is no retry left.
        """
        if request.method == "HEAD" or STOPPED in response.flags:
            return response
        encodings = b",".join(response.headers.getlist("Content-Encoding")).split(b",")
        if not packing_ends(response.body, encodings):
            return self._retry(request)
        if not is_splash_request(request) and may_be_cut(response):
            logger.warning("%s: %s", response.url, NO_END)
            response.flags += [CUT, NO_END]
        return response

    def _retry(self, request: Request) -> Request:
        assert self.crawler.spider is not None
        if not request.meta.get("dont_retry"):
            again = get_retry_request(request, spider=self.crawler.spider, reason=ResponseDataLossError)
            if again is not None:
                return again
        raise ResponseDataLossError(CUT_OFF)


def may_be_cut(response: Response) -> bool:
    """Return whether an answer that did not fail may lack its end."""
    if LOST in response.flags:
        return True
    return (
        ENDED_BY_CLOSE in response.flags
        and isinstance(response, TextResponse)
        and lacks_end(response.body[:LOOK], response.body[-LOOK:])
    )
