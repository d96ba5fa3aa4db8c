"""Rate limits: a downloader middleware that makes a host wait which answers 429 or 503 with Retry-After."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.meta_keys import REQUEST_NUMBER
from crawler.page.refusal import is_of_site, site_headers
from crawler.page.retry_after import LIMITING, retry_after
from crawler.splash.request_mapping import is_splash_request, page_url, restore_page_request
from frontier.engine_access import take_back_queued
from frontier.host_waits import HostWaits
from frontier.scheduler import scheduler_of
from frontier.window import host_of

logger = logging.getLogger("splashdown.rate_limits")


class HostIsPaused(Exception):
    """The request was in Scrapy's download queue when its host asked to wait. It goes back to the frontier."""


class RateLimitMiddleware:
    """Is called before RetryMiddleware, which would make the request again at once."""

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats is not None
        self.crawler, self.stats = crawler, crawler.stats
        self.longest = crawler.settings.getfloat("RETRY_AFTER_LIMIT", 86_400.0)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def waits(self) -> HostWaits | None:
        scheduler = scheduler_of(self.crawler)
        return scheduler.waits if scheduler is not None else None

    def process_request(self, request: Request) -> Request | None:
        """Return the request to the frontier if its host asked to wait after it was handed out."""
        waits = self.waits
        if waits is None or not REQUEST_NUMBER.is_in(request) or host_of(page_url(request)) not in waits:
            return None
        return _again(request)

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Return a request to the frontier that was taken out of Scrapy's download queue."""
        return _again(request) if isinstance(exception, HostIsPaused) else None

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return the response; or, if the host asks to wait, the request, which the frontier makes after that time."""
        waits = self.waits
        if waits is None or response.status not in LIMITING or not REQUEST_NUMBER.is_in(request):
            return response
        if not is_of_site(response):
            return response
        seconds = retry_after(site_headers(response).get("retry-after"), datetime.now(UTC))
        if seconds is None:
            return response
        host = host_of(page_url(request))
        self._wait(waits, host, seconds, f"{response.url}: HTTP {response.status}, Retry-After")
        number = REQUEST_NUMBER.get(request, -1)
        if request.meta.get("dont_retry") or not waits.may_wait_again(number):
            return response
        self.stats.inc_value(f"rate_limited/{response.status}")
        return _again(request)

    def _wait(self, waits: HostWaits, host: str, seconds: float, why: str) -> None:
        if seconds > self.longest:
            logger.warning(
                "%s: %s asks to wait %g s, which is limited to %g s (RETRY_AFTER_LIMIT)",
                why,
                host,
                seconds,
                self.longest,
            )
            seconds = self.longest
        elif host not in waits:
            logger.info("%s: no request to %s for %.3g s", why, host, seconds)
        waits.wait(host, seconds)
        if host in waits:
            take_back_queued(self.crawler, lambda one: _is_for(one, host), HostIsPaused(host))


def _is_for(request: Request, host: str) -> bool:
    return REQUEST_NUMBER.is_in(request) and host_of(page_url(request)) == host


def _again(request: Request) -> Request:
    """Return the page's request, which the scheduler queues again under its number."""
    if is_splash_request(request):
        return restore_page_request(request)
    return request.replace(dont_filter=True)
