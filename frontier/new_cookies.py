"""The downloader middleware that notes which pages of a crawl with DELTA set a cookie that the crawl did not have.

Later pages may depend on the cookie. If such a page counted as unchanged, nothing would set it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

from crawler.delta.page_delta import PageDelta
from crawler.run.extension import RunExtension
from frontier.scheduler import scheduler_of


class NewCookiesMiddleware:
    """Comes after the middlewares that put cookies into their jars, and before redirects."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._known: defaultdict[int, set[tuple[str, str, str]]] = defaultdict(set)  # by the id of the jar

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        run = RunExtension.of(crawler)
        if run is None or not run.delta.enabled:
            raise NotConfigured
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Response:
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(request) if scheduler is not None else None
        if page is not None and isinstance(page.delta, PageDelta) and self._has_new_cookie(request, response):
            page.delta.sets_cookie = True
        return response

    def _has_new_cookie(self, request: Request, response: Response) -> bool:
        jar = self._jar_of(request, response)
        if jar is None:
            return False
        cookies = {(cookie.domain, cookie.path, cookie.name) for cookie in jar}
        known = self._known[id(jar)]
        has_new = not cookies <= known
        known |= cookies
        return has_new

    def _jar_of(self, request: Request, response: Response) -> Any:
        """Return the jar that a response may have filled; None if it has filled none."""
        of_renderer = getattr(response, "cookiejar", None)
        if of_renderer is not None:
            return of_renderer
        cookies = self.crawler.get_downloader_middleware(CookiesMiddleware)
        if cookies is None or "Set-Cookie" not in response.headers or request.meta.get("dont_merge_cookies"):
            return None
        return cookies.jars[request.meta.get("cookiejar")]
