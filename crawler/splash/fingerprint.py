"""What makes two Splash requests the same: for the duplicates filter, and for the HTTP cache from run to run."""

from __future__ import annotations

import copy
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.dupefilters import RFPDupeFilter
from scrapy.extensions.httpcache import FilesystemCacheStorage
from scrapy.spiders import Spider
from scrapy.utils.request import RequestFingerprinterProtocol
from scrapy_splash import request as original

# How an argument travels to Splash (whole, or as the name under which Splash keeps it) says nothing about the page.
TRANSPORT = ("load_args", "save_args")


class SplashRequestFingerprinter(original.SplashRequestFingerprinter):  # type: ignore[misc]
    """scrapy-splash's, but the request to Splash has one fingerprint wherever Splash is and whatever it has cached."""

    def fingerprint(self, request: Request) -> bytes:
        if request.meta.get("_splash_processed"):
            request = described(request)
        fingerprint: bytes = super().fingerprint(request)
        return fingerprint


def described(request: Request) -> Request:
    """The page that a request to Splash is about, as a request that never is the one it was made from."""
    options: dict[str, Any] = copy.deepcopy(request.meta["splash"])
    args = options.get("args", {})
    for name in TRANSPORT:
        args.pop(name, None)
    args |= options.pop("_local_arg_fingerprints", {})
    options.pop("splash_url", None)
    return Request(
        args.get("url", request.url),
        method=args.get("http_method", "GET"),
        body=args.get("body", ""),
        meta={"splash": {**options, "sent": True}},
    )


class SplashAwareDupeFilter(RFPDupeFilter):
    """The duplicates filter that older settings name. Scrapy's own does it today, with the fingerprinter above."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made = super().from_crawler(crawler)
        made.fingerprinter = _splash_aware(crawler)
        return made


class SplashAwareFSCacheStorage(FilesystemCacheStorage):
    """The cache storage that older settings name; its keys know Splash's arguments."""

    def open_spider(self, spider: Spider) -> None:
        super().open_spider(spider)
        self._fingerprinter = _splash_aware(spider.crawler)


def _splash_aware(crawler: Crawler) -> RequestFingerprinterProtocol:
    chosen = crawler.request_fingerprinter
    if isinstance(chosen, SplashRequestFingerprinter):
        return chosen
    made: RequestFingerprinterProtocol = SplashRequestFingerprinter.from_crawler(crawler)
    return made
