"""Fingerprints of Splash requests, for the duplicates filter and for the HTTP cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.dupefilters import RFPDupeFilter
from scrapy.extensions.httpcache import FilesystemCacheStorage
from scrapy.spiders import Spider
from scrapy.utils.request import RequestFingerprinterProtocol
from scrapy_splash import request as original
from scrapy_splash.utils import json_based_hash

from crawler.meta_keys import SPLASH_SENT
from crawler.splash.request_mapping import SESSION_COOKIES, TURN, is_rendered, is_splash_request, page_args

# Options that say how a request gets to Splash. They do not change the page, so they are not in the fingerprint.
TRANSPORT = (
    "splash_url",
    "splash_headers",
    "slot_policy",
    "cache_args",
    "_replaced_args",
    "_local_arg_fingerprints",
    SESSION_COOKIES,
    TURN,
)


class SplashRequestFingerprinter(original.SplashRequestFingerprinter):  # type: ignore[misc]
    """scrapy-splash's, but the fingerprint does not depend on the server, or on how arguments get there."""

    def fingerprint(self, request: Request) -> bytes:
        """Return the fingerprint; of a request to Splash another one than of its page's request."""
        if is_rendered(request):
            request = normalized(request)
        fingerprint: bytes = super().fingerprint(request)
        return fingerprint


def normalized(request: Request) -> Request:
    """Return a request with the page and its rendering only, for Scrapy's fingerprinter.

    A request to Splash and its page's request differ in it; otherwise the duplicates filter would drop the first.
    """
    options = request.meta["splash"]
    to_splash = is_splash_request(request)
    args = page_args(options, _added_args(request) if to_splash else [])
    url = options.get("args", {}).get("url", request.url)  # with its fragment
    args = {**{name: local_fingerprint(value) for name, value in args.items()}, "url": url}
    rest = {name: value for name, value in options.items() if name not in (*TRANSPORT, "args")}
    meta = {"splash": {**rest, "args": args, "sent": to_splash}}
    if not to_splash:
        verbatim = {"verbatim_url": True} if request.meta.get("verbatim_url") else {}
        return Request(request.url, method=request.method, body=request.body, meta={**meta, **verbatim})
    everything = options["args"]
    method, body = everything.get("http_method", "GET"), everything.get("body", "")
    return Request(everything.get("url", request.url), method=method, body=body, meta=meta)


def local_fingerprint(value: Any) -> str:
    """Return the key of an argument's value in ``spider.state``, as scrapy-splash makes it."""
    if isinstance(value, str) and value.startswith("LOCAL+"):
        return value
    return f"LOCAL+{json_based_hash(value)}"


def _added_args(request: Request) -> list[str]:
    """Return the names of the arguments that the middlewares have added."""
    mark: Mapping[str, list[str]] = SPLASH_SENT.get(request, {})
    return mark.get("args", [])


class SplashAwareDupeFilter(RFPDupeFilter):
    """The duplicates filter that older settings name: Scrapy's own, with the fingerprinter above."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made = super().from_crawler(crawler)
        made.fingerprinter = _splash_aware(crawler)
        return made


class SplashAwareFSCacheStorage(FilesystemCacheStorage):
    """The cache storage that older settings name: Scrapy's own, with the fingerprinter above."""

    def open_spider(self, spider: Spider) -> None:
        super().open_spider(spider)
        self._fingerprinter = _splash_aware(spider.crawler)


def _splash_aware(crawler: Crawler) -> RequestFingerprinterProtocol:
    chosen = crawler.request_fingerprinter
    if isinstance(chosen, SplashRequestFingerprinter):
        return chosen
    made: RequestFingerprinterProtocol = SplashRequestFingerprinter.from_crawler(crawler)
    return made
