"""What makes two Splash requests the same: for the duplicates filter, and for the HTTP cache from run to run."""

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

from crawler.splash.sent import SENT, SESSION_COOKIES, TURN, is_sent, page_args

# How a request gets to which Splash says nothing about the page that comes back.
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
    """scrapy-splash's, but a request has one fingerprint however its arguments travel, and wherever Splash is."""

    def fingerprint(self, request: Request) -> bytes:
        if "splash" in request.meta:
            request = described(request)
        fingerprint: bytes = super().fingerprint(request)
        return fingerprint


def described(request: Request) -> Request:
    """The page and how it is to be rendered, as a request for fingerprinters.

    The request to Splash that a request becomes is described as another one, or the duplicates filter would drop it.
    """
    options = request.meta["splash"]
    sent = is_sent(request)
    args = page_args(options, _added(request) if sent else [])
    url = options.get("args", {}).get("url", request.url)  # here its fragment counts
    args = {**{name: local_fingerprint(value) for name, value in args.items()}, "url": url}
    rest = {name: value for name, value in options.items() if name not in (*TRANSPORT, "args")}
    meta = {"splash": {**rest, "args": args, "sent": sent}}
    if not sent:
        verbatim = {"verbatim_url": True} if request.meta.get("verbatim_url") else {}
        return Request(request.url, method=request.method, body=request.body, meta={**meta, **verbatim})
    everything = options["args"]
    method, body = everything.get("http_method", "GET"), everything.get("body", "")
    return Request(everything.get("url", request.url), method=method, body=body, meta=meta)


def local_fingerprint(value: Any) -> str:
    """The name under which scrapy-splash keeps an argument's value on our side."""
    if isinstance(value, str) and value.startswith("LOCAL+"):
        return value
    return f"LOCAL+{json_based_hash(value)}"


def _added(request: Request) -> list[str]:
    mark: Mapping[str, list[str]] = request.meta.get(SENT, {})
    return mark.get("args", [])


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
