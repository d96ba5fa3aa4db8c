"""The answer to a render request of ours: the page that was asked for, or an error that says why not.

An empty page never reaches a callback: where what was waited for did not appear, the request fails with NeverAppeared.
"""

from __future__ import annotations

import logging
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response, TextResponse

from crawler.splash.errors import short
from crawler.splash.render import RENDER

logger = logging.getLogger(__name__)

FAILED_PAGES = (
    "render/failed_pages"  # in the crawl's stats: the first pages that gave nothing, each with its reason
)
KEPT = 20


class RenderFailed(IgnoreRequest):
    """The renderer gave no page: the site could not be loaded, or a script of ours or the site's got stuck."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason = url, reason


class NeverAppeared(RenderFailed):
    """The page was loaded, but what was waited for was not on it in time."""

    def __init__(self, url: str, wait_for: str, timeout: float, response: Response | None = None) -> None:
        super().__init__(url, f"{wait_for!r} never appeared (waited {timeout:g} s)")
        self.wait_for, self.response = wait_for, response


def failure_of(response: Response, *, url: str, wait_for: str | None, timeout: float) -> RenderFailed | None:
    """What is wrong with the answer to a render request, if something is."""
    data: dict[str, Any] = getattr(response, "data", None) or {}
    status = getattr(response, "splash_response_status", None) or response.status
    if status >= 400 and "error" in data:
        return RenderFailed(url, f"the renderer answered {status}, {short(data)}")
    if "render_error" in data:
        return RenderFailed(url, f"could not be loaded ({data['render_error']})")
    if "form_problem" in data:
        return RenderFailed(url, data["form_problem"])
    if response.status >= 400:
        return None  # the site's own error: Scrapy's retries and HttpError deal with it
    appeared = data.get("appeared")
    if appeared is None and wait_for is not None:
        appeared = isinstance(response, TextResponse) and _has(response, wait_for)
    if appeared in (None, True):
        return None
    return NeverAppeared(url, wait_for or "the load event", timeout, response)


def _has(response: TextResponse, what: str) -> bool:
    look = response.xpath if what.startswith(("/", "./", "(")) else response.css
    return bool(look(what))


class RenderedPageMiddleware:
    """Stands between scrapy-splash, which reads the answer, and the retries and the spider."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        asked = request.meta.get(RENDER)
        if asked is None or not request.meta.get("_splash_processed"):
            return response
        url = request.meta["splash"]["args"].get("url", response.url)
        failure = failure_of(response, url=url, wait_for=asked["wait_for"], timeout=asked["timeout"])
        if failure is None:
            return response
        spider = self.crawler.spider
        assert spider is not None and self.crawler.stats is not None
        # Sites hiccup, so once more; a page that is never ready costs its timeout each time, so not more often.
        attempts = 1 if isinstance(failure, NeverAppeared) else None
        again = get_retry_request(
            request, spider=spider, reason=type(failure).__name__, max_retry_times=attempts
        )
        if again is not None:
            return again
        logger.error("%s", failure)
        self.crawler.stats.inc_value(f"render/failed/{type(failure).__name__}")
        kept = self.crawler.stats.get_value(FAILED_PAGES, [])
        if len(kept) < KEPT:
            self.crawler.stats.set_value(FAILED_PAGES, [*kept, str(failure)])
        raise failure
