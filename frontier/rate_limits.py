"""Rate limits: a downloader middleware that makes a host wait which answers 429 or 503, or does not answer in time."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadTimeoutError
from scrapy.http import Response

from crawler.meta_keys import PLAIN_FORM, REQUEST_NUMBER
from crawler.page.refusal import is_of_site, site_headers
from crawler.page.retry_after import LIMITING, retry_after
from crawler.splash.request_mapping import is_splash_request, page_url, restore_page_request
from frontier.engine_access import TakenBack, take_back_queued
from frontier.host_backoff import HostBackoff
from frontier.host_waits import HostWaits
from frontier.scheduler import scheduler_of
from frontier.window import host_of

logger = logging.getLogger("splashdown.rate_limits")

TIMEOUTS = (DownloadTimeoutError, TimeoutError)


class RateLimitMiddleware:
    """Is called before RetryMiddleware, which would make the request again at once."""

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats is not None
        self.crawler, self.stats = crawler, crawler.stats
        self.backoff = HostBackoff(crawler.settings.getfloat("HOST_BACKOFF_LIMIT", 60.0))
        self.longest = crawler.settings.getfloat("RETRY_AFTER_LIMIT", 86_400.0)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def waits(self) -> HostWaits | None:
        scheduler = scheduler_of(self.crawler)
        return scheduler.waits if scheduler is not None else None

    def process_request(self, request: Request) -> Request | None:
        """Return the request to the frontier if it may not be made any more since it was handed out.

        Its host asked to wait, or another worker of a shared run has the host.
        """
        scheduler = scheduler_of(self.crawler)
        if scheduler is None or not REQUEST_NUMBER.is_in(request):
            return None
        if host_of(page_url(request)) in scheduler.waits or scheduler.is_left(request):
            return _again(request)
        return None

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Return a request to the frontier that was taken out of Scrapy's download queue.

        A host that does not answer in time backs off, unless it is a renderer: that is the work of failover.
        """
        if isinstance(exception, TakenBack):
            return _again(request)
        waits = self.waits
        is_plain = REQUEST_NUMBER.is_in(request) and not is_splash_request(request)
        if waits is not None and is_plain and isinstance(exception, TIMEOUTS):
            self._back_off(waits, host_of(page_url(request)), f"{request.url}: {type(exception).__name__}")
        return None

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return the response; or, if the host asks to wait, the request, which the frontier makes after that time."""
        waits, is_page = self.waits, REQUEST_NUMBER.is_in(request)
        if waits is None or not (is_page or PLAIN_FORM.is_in(request)) or not is_of_site(response):
            return response
        host = host_of(page_url(request))
        if response.status not in LIMITING:
            if response.status < 400:
                self.backoff.answered(host)
            return response
        seconds = retry_after(site_headers(response).get("retry-after"), datetime.now(UTC))
        if not seconds:  # no header, or one that asks for no time, although the host answers 429 or 503
            self._back_off(waits, host, f"{response.url}: HTTP {response.status}")
            return response  # RetryMiddleware makes the next try, which waits in the frontier
        self._wait(waits, host, seconds, f"{response.url}: HTTP {response.status}, Retry-After")
        number = REQUEST_NUMBER.get(request, -1)
        if not is_page:  # the page's own request waits
            return response
        if request.meta.get("dont_retry") or not waits.may_wait_again(number):
            return response
        self.stats.inc_value(f"rate_limited/{response.status}")
        return _again(request)

    def _back_off(self, waits: HostWaits, host: str, why: str) -> None:
        """Make the host wait; several failures at the same time count once."""
        if host in waits or not self.backoff.longest > 0:
            return
        seconds = self.backoff.failed(host)
        logger.info("%s: backing off, no request to %s for %.3g s", why, host, seconds)
        self.stats.inc_value("rate_limited/backoff")
        waits.back_off(host, seconds)
        take_back_queued(self.crawler, lambda one: _is_for(one, host), f"{host} asked to wait")

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
            take_back_queued(self.crawler, lambda one: _is_for(one, host), f"{host} asked to wait")


def _is_for(request: Request, host: str) -> bool:
    return REQUEST_NUMBER.is_in(request) and host_of(page_url(request)) == host


def _again(request: Request) -> Request:
    """Return the page's request, which the scheduler queues again under its number."""
    if is_splash_request(request):
        return restore_page_request(request)
    return request.replace(dont_filter=True)
