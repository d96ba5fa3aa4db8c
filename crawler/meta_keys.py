"""The keys that Splashdown sets in ``Request.meta``, and who sets and reads each. No other file declares one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from scrapy import Request

T = TypeVar("T")


@dataclass(frozen=True)
class MetaKey(Generic[T]):
    """A key in ``Request.meta`` with the type of its value."""

    name: str

    @overload
    def get(self, request: Request) -> T | None: ...

    @overload
    def get(self, request: Request, default: T) -> T: ...

    def get(self, request: Request, default: T | None = None) -> T | None:
        """Return the value that the request has, or the default."""
        value: T | None = request.meta.get(self.name, default)
        return value

    def set(self, request: Request, value: T) -> None:
        """Put the value into the request."""
        request.meta[self.name] = value

    def pop(self, request: Request) -> T | None:
        """Take the value out of the request and return it; None if the request has none."""
        value: T | None = request.meta.pop(self.name, None)
        return value

    def is_in(self, request: Request) -> bool:
        """Return whether the request has a value, None included."""
        return self.name in request.meta


# Spiders set these.
# bool: the request logs in; it is not stored, and a resume makes it again.
#   set by spiders
#   read by frontier/request_check.py, frontier/discovery.py, frontier/request_identity.py
MAKES_SESSION: MetaKey[bool] = MetaKey("makes_session")
# float: seconds until the request may be made.
#   set by spiders
#   read by frontier/request_check.py, frontier/discovery.py
DELAY: MetaKey[float] = MetaKey("delay")
# bool: False if the page is fetched at each crawl, also with the setting DELTA.
#   set by spiders
#   read by frontier/unchanged_pages.py
DELTA: MetaKey[bool] = MetaKey("delta")
# str: the date of the page's last change, in the format of sitemaps.
#   set by spiders, crawler/delta/sitemap_dates.py
#   read by frontier/unchanged_pages.py, frontier/page_output_json.py
LASTMOD: MetaKey[str] = MetaKey("lastmod")
# dict: what a request of render() waits for.
#   set by crawler/splash/render_arguments.py
#   read by crawler/splash/
RENDER: MetaKey[dict[str, Any]] = MetaKey("render")
# str: how a request of render() is fetched: auto, always or never; without it the setting RENDERING counts.
#   set by spiders (spiders/base.py)
#   read by frontier/adaptive_rendering.py
RENDERING: MetaKey[str] = MetaKey("rendering")

# From a callback to the scheduler.
# int: the number of the request in the frontier.
#   set by frontier/hand_out.py, frontier/discovery.py
#   read by frontier/, crawler/logs/run_ids.py
REQUEST_NUMBER: MetaKey[int] = MetaKey("frontier")
# str: in a shared run, the owner of the tenure in which the request was handed out.
#   set by frontier/hand_out.py
#   read by frontier/scheduler.py
TENURE_OWNER: MetaKey[str] = MetaKey("frontier_tenure")
# Page: the page whose callback yielded the request.
#   set by frontier/page_output.py
#   read by frontier/scheduler.py
FOUND_ON: MetaKey[Any] = MetaKey("frontier_page")
# str: the request as JSON.
#   set by frontier/request_check.py
#   read by frontier/discovery.py
REQUEST_TEXT: MetaKey[str] = MetaKey("frontier_text")
# generator: the callback that is at the line that yields the request.
#   set by frontier/spider_middlewares.py, frontier/errback.py
#   read by frontier/request_check.py
YIELDED_BY: MetaKey[Any] = MetaKey("frontier_yielded_by")

# Plain downloads.
# bool: the request is the plain form of a request of render(), and no request of the frontier.
#   set by frontier/plain_requests.py
#   read by frontier/rate_limits.py
PLAIN_FORM: MetaKey[bool] = MetaKey("plain_form")
# bool: start() yielded the request, so its URL may have any scheme.
#   set by crawler/download/link_schemes.py
#   read by crawler/download/link_schemes.py
FROM_START: MetaKey[bool] = MetaKey("scheme_from_start")
# int: bytes of a robots.txt that are received.
#   set by crawler/download/size_limits.py
#   read by crawler/download/size_limits.py
ROBOTS_BYTES: MetaKey[int] = MetaKey("robots_bytes")

# Requests to Splash.
# bool: scrapy-splash's own mark of a request to Splash.
#   set by scrapy-splash
#   read by crawler/splash/request_mapping.py
SPLASH_PROCESSED: MetaKey[bool] = MetaKey("_splash_processed")
# dict: the URL of the request to Splash, and the arguments and headers that the page's request does not have.
#   set by crawler/splash/request_mapping.py
#   read by crawler/splash/
SPLASH_SENT: MetaKey[dict[str, Any]] = MetaKey("_splash_sent")
# int: how many renderers failed while they had the page.
#   set by crawler/splash/failover.py
#   read by crawler/splash/
RENDERER_FAILURES: MetaKey[int] = MetaKey("_splash_lost")
# bool: the crawl ends, and the page's request stays in the frontier.
#   set by crawler/splash/failover.py
#   read by crawler/splash/failover.py
GIVEN_BACK: MetaKey[bool] = MetaKey("_splash_given_back")
# int: how often Splash had lost the values of cache_args.
#   set by crawler/splash/middlewares.py
#   read by crawler/splash/
SAVED_ARGUMENTS_LOST: MetaKey[int] = MetaKey("_splash_498")

# The frontier has these in columns of their own, or needs them only until the request is stored.
NOT_STORED = tuple(
    key.name
    for key in (REQUEST_NUMBER, TENURE_OWNER, FOUND_ON, REQUEST_TEXT, MAKES_SESSION, DELAY, YIELDED_BY)
)
