"""Rendered pages for ``scrapy shell``, ``fetch`` and ``view``, which make plain requests."""

from __future__ import annotations

from typing import Any, Self

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.misc import load_object

from crawler.splash.request_mapping import is_rendered, is_splash_request

SETTING = "INSPECTION_RENDERED"
SITE_SPIDER = "spiders.base.SiteSpider"  # of a higher room
QUIET = 1.0  # seconds without a request, after which a page is complete
KEPT = ("callback", "errback", "headers", "cookies", "cb_kwargs", "priority", "dont_filter", "flags")


class RenderedInspectionMiddleware:
    """Renders each page that is requested without a renderer. Only the commands that inspect pages enable it."""

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool(SETTING):
            raise NotConfigured
        self._crawler = crawler
        self._spider: Any = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> Request | None:
        is_page = request.method == "GET" and request.url.startswith(("http://", "https://"))
        if (
            not is_page
            or is_rendered(request)
            or is_splash_request(request)
            or request.callback is NO_CALLBACK
        ):
            return None
        kept = {name: getattr(request, name) for name in KEPT}
        if self._crawler.settings.getbool("SPLASH_SCRIPTS", True):
            kept["quiet"] = QUIET
        rendered: Request = self._renderer().render(request.url, meta=dict(request.meta), **kept)
        return rendered

    def _renderer(self) -> Any:
        """Return the spider if it can render, or a spider that can."""
        if self._spider is None:
            spider, kind = self._crawler.spider, load_object(SITE_SPIDER)
            self._spider = spider if isinstance(spider, kind) else _made(kind, self._crawler)
        return self._spider


def _made(kind: Any, crawler: Crawler) -> Spider:
    spider: Spider = kind.from_crawler(crawler, name="inspection")
    return spider
