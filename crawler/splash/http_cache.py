"""Scrapy's HTTP cache keeps pages, not the renderer's errors."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.http import Response

from crawler.splash.sent import is_sent


def keep_errors_out_of_the_cache(crawler: Crawler) -> None:
    """Of Splash's answers let only those be stored that are a page.

    "Send the arguments again" (498), "busy" (503) and "too late" (504) are true once. From a cache they would answer
    every repetition, since the repeated request has the same key.
    """
    cache = crawler.get_downloader_middleware(HttpCacheMiddleware)
    if cache is not None:
        cache.policy = _PagesOnly(cache.policy)


class _PagesOnly:
    """The crawl's cache policy, and that one rule."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def should_cache_response(self, response: Response, request: Request) -> bool:
        if is_sent(request) and response.status != 200:
            return False
        return bool(self._policy.should_cache_response(response, request))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)
