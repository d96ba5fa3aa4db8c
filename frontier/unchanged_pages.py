"""The downloader middleware of a crawl with DELTA: a page that did not change since the last crawl is not fetched.

It answers the request of such a page itself, and replaces the callback: the callback yields what it yielded last time.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import HtmlResponse, Response
from scrapy.spiders import SitemapSpider
from scrapy.utils.defer import ensure_awaitable

from crawler.delta.decision import Decision, decide, is_usable
from crawler.delta.page_delta import PageDelta, Validators, may_be_noted_without_site, readable_date
from crawler.delta.version import version_of
from crawler.meta_keys import DELTA, LASTMOD
from crawler.page.page import Page
from crawler.run.extension import RunExtension
from crawler.splash.request_mapping import is_rendered
from frontier.page_output_json import page_key, read_output
from frontier.scheduler import scheduler_of
from frontier.stored_pages import StoredPages
from frontier.typed_json import NotJson
from models.crawl_page import StoredPage

logger = logging.getLogger(__name__)

CONDITIONAL = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "Range")


class UnchangedPage(HtmlResponse):
    """Stands for the response of an unchanged page. Its body is empty."""


class UnchangedPagesMiddleware:
    def __init__(self, crawler: Crawler, run: RunExtension, version: bytes) -> None:
        self.crawler, self.run, self.version = crawler, run, version
        self.settings = run.delta
        self.stored = StoredPages(run.engine, run.held.scope, run.held.id)
        assert crawler.spider is not None
        self.spider = crawler.spider
        self.always_noted = may_be_noted_without_site(self.settings, self.spider)
        self._hook_failed = False
        self._changes: asyncio.Future[bool] | None = (
            None  # whether the spider has read the site's list of changes
        )

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        run = RunExtension.of(crawler)
        if run is None or not run.delta.enabled or crawler.spider is None:
            raise NotConfigured
        version = version_of(crawler.spider)
        if version is None:
            logger.warning(
                "%s: DELTA is on, and the source of the spider's classes cannot be read: each page is fetched",
                crawler.spider.name,
            )
            raise NotConfigured
        middleware = cls(crawler, run, version)
        crawler.signals.connect(middleware.spider_closed, signals.spider_closed)
        return middleware

    def spider_closed(self) -> None:
        self.stored.close()

    # --- Requests -------------------------------------------------------------------------------------------------

    async def process_request(self, request: Request) -> Response | None:
        """Return the stand-in of an unchanged page; or ask the site whether the page changed."""
        page = self._page_of(request)
        if page is None:
            return None
        if page.delta is None and not await self._begin(request, page):
            return None
        delta = page.delta
        assert isinstance(delta, PageDelta)
        if delta.unchanged is not None:
            return self._stand_in(request, page, delta)
        _set_conditions(request, delta)
        return None

    def _page_of(self, request: Request) -> Page | None:
        """Return the page that waits for the response to this request; None for other requests, such as for images."""
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(request) if scheduler is not None else None
        return page if page is not None and not page.answered and not page.closed else None

    async def _begin(self, request: Request, page: Page) -> bool:
        """Look for the record of a page and decide about it. Return False if the page is always fetched."""
        if page.request_text is None or request.method != "GET":
            return False
        takes_part = DELTA.get(request)
        if takes_part is not None and not takes_part:
            return False
        if any(name in request.headers for name in CONDITIONAL):
            return False
        now = datetime.now(UTC)
        key = page_key(page.request_text)
        known = await self.stored.find(key)
        page.delta = delta = PageDelta(
            page=key,
            url=request.url,
            version=self.version,
            settings=self.settings,
            known=known,
            lastmod=readable_date(LASTMOD.get(request)),
            begun_at=now,
            always_noted=self.always_noted,
        )
        if known is None or not is_usable(
            known,
            version=self.version,
            run_id=self.run.held.id,
            last_run=self.stored.last_run,
            now=now,
            max_age=self.settings.max_age,
        ):
            return True
        try:
            delta.last_output = read_output(known.output, self.spider)
        except NotJson as error:
            logger.info("%s is fetched: its last output cannot be made again: %s", request.url, error)
            return True
        await self._decide(request, delta, known)
        return True

    async def _decide(self, request: Request, delta: PageDelta, known: StoredPage) -> None:
        may_skip = not _is_from_start(request) and not self._is_sitemap(request)
        decision = decide(
            known,
            settings=self.settings,
            now=delta.begun_at,
            lastmod=delta.lastmod,
            changed=await self._changed_since(request, known.confirmed_at) if may_skip else None,
            may_skip=may_skip,
            may_ask=not is_rendered(request),
        )
        if decision is Decision.SKIP:
            delta.skip()
        elif decision is Decision.ASK:
            delta.asked = Validators(etag=known.etag, last_modified=known.last_modified).conditions()

    def _is_sitemap(self, request: Request) -> bool:
        """Return whether the request is for a sitemap, whose dates decide about other pages."""
        # SitemapSpider has no public name for this callback.
        callback = getattr(request.callback, "__func__", None)
        return isinstance(self.spider, SitemapSpider) and callback is type(self.spider)._parse_sitemap

    async def _changed_since(self, request: Request, since: datetime) -> bool | None:
        """Return the answer of the spider's hook; None if it has no hook, does not know, or raises an error."""
        hook = getattr(self.spider, "changed_since", None)
        if not callable(hook):
            return None
        if not await self._may_ask_hook():
            return True
        try:
            answer = await ensure_awaitable(hook(request.url, since))
        except Exception as error:  # the hook is the spider's code, and may raise any class
            self._note_hook("changed_since", f"raised {type(error).__name__}: {error}")
            return True
        if answer is not None and not isinstance(answer, bool):
            self._note_hook("changed_since", f"returned {answer!r}, which is not True, False or None")
            return True
        return answer

    async def _may_ask_hook(self) -> bool:
        """Return whether the spider has in this process what ``changed_since`` needs.

        The spider may have read it in ``start()``. A resumed run, and most workers of a shared run, do not call that.
        """
        if callable(getattr(self.spider, "read_changes", None)):
            if self._changes is None:
                self._changes = asyncio.ensure_future(self._read_changes())
            return await asyncio.shield(self._changes)
        scheduler = scheduler_of(self.crawler)
        if scheduler is not None and scheduler.start_has_begun:
            return True
        if not self._hook_failed:
            self._hook_failed = True
            logger.warning(
                "%s.changed_since is not asked, and pages are fetched: this process does not call start(), "
                "in which the spider may read the changes. Let a method read_changes() read them",
                type(self.spider).__name__,
            )
        return False

    async def _read_changes(self) -> bool:
        try:
            await ensure_awaitable(self.spider.read_changes())  # type: ignore[attr-defined]
        except Exception as error:  # the method is the spider's code, and may raise any class
            self._note_hook("read_changes", f"raised {type(error).__name__}: {error}")
            return False
        return True

    def _note_hook(self, name: str, what: str) -> None:
        assert self.crawler.stats is not None
        self.crawler.stats.inc_value("delta/hook_errors")
        if not self._hook_failed:
            self._hook_failed = True
            logger.error("%s.%s %s; such pages are fetched", type(self.spider).__name__, name, what)

    # --- Responses ------------------------------------------------------------------------------------------------

    def process_response(self, request: Request, response: Response) -> Response:
        """Return the stand-in of a page for which the site answered 304; note what the site says about another page."""
        page = self._page_of(request)
        delta = page.delta if page is not None else None
        if not isinstance(delta, PageDelta) or isinstance(response, UnchangedPage):
            return response
        headers = response.headers if not is_rendered(request) else {}
        validators = Validators.of(headers, asked_at=delta.begun_at)
        if response.status == 304 and delta.asked and _has_conditions(request, delta):
            delta.confirm(validators)
            assert page is not None
            return self._stand_in(request, page, delta)
        delta.came(response.status, response.url, validators)
        return response

    def _stand_in(self, request: Request, page: Page, delta: PageDelta) -> UnchangedPage:
        """Return the stand-in of an unchanged page, and let its request yield what the page yielded last time."""
        assert delta.known is not None
        output = delta.last_output

        def callback(response: Response, **_: Any) -> list[Any]:  # Scrapy reads the source of a generator
            return output

        page.snapshot_policy = None  # nothing came that could be saved
        request.callback = callback
        request.meta["dont_cache"] = True  # Scrapy's HTTP cache must not have an empty page
        return UnchangedPage(
            delta.known.response_url, status=delta.known.status, flags=["unchanged"], request=request
        )


def _is_from_start(request: Request) -> bool:
    """Return whether ``start()`` yielded the request. A callback may copy its meta; then there is a depth, too."""
    return bool(request.meta.get("is_start_request")) and not request.meta.get("depth")


def _set_conditions(request: Request, delta: PageDelta) -> None:
    """Put the conditional headers into the request for the page's own URL, and remove them from other requests.

    A redirect copies headers, and validators belong to one URL.
    """
    if not delta.asked or delta.known is None:
        return
    for name, value in delta.asked.items():
        if request.url == delta.known.response_url:
            request.headers[name] = value
        else:
            request.headers.pop(name, None)


def _has_conditions(request: Request, delta: PageDelta) -> bool:
    return delta.known is not None and request.url == delta.known.response_url
