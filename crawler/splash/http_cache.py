"""Lets Scrapy's HTTP cache store pages, and no errors of the renderer."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.http import Response

from crawler.splash.request_mapping import is_splash_request


def cache_pages_only(crawler: Crawler) -> None:
    """Change the crawl's cache policy: of Splash's answers the cache stores only those with status 200.

    498 (arguments lost), 503 (busy) and 504 (timeout) are temporary. A retry has the same cache key, so it would get
    the stored error each time.
    """
    cache = crawler.get_downloader_middleware(HttpCacheMiddleware)
    if cache is not None:
        cache.policy = _PagesOnly(cache.policy)


class _PagesOnly:
    """The crawl's cache policy with this rule added."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def should_cache_response(self, response: Response, request: Request) -> bool:
        if is_splash_request(request) and response.status != 200:
            return False
        return bool(self._policy.should_cache_response(response, request))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)
