"""Two spider middlewares. The one next to the spider notes errors and the lines that yield requests. The one next to
the engine puts everything that a callback yields on its page.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any, Self

from scrapy import Request
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.asyncgen import as_async_generator

from crawler.delta.page_delta import PageDelta
from crawler.download.link_schemes import mark_start
from crawler.meta_keys import YIELDED_BY
from crawler.page.page import Page
from crawler.splash.request_mapping import is_splash_request
from frontier.errback import note_failure
from frontier.next_links import ListRequests
from frontier.page_output import noted, through
from frontier.page_output_json import output_json
from frontier.request_check import check_found, check_request
from frontier.scheduler import scheduler_of
from frontier.typed_json import NotJson

LONGEST_TRACEBACK = 8000
TURN = 0.005  # seconds for which start() is read before the event loop does something else


async def in_turns(start: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield what ``start()`` yields, and let the event loop do something else every TURN.

    While all places of the downloader are taken, Scrapy reads ``start()`` without a turn of the event loop. With a long
    list of URLs no page would be fetched or stored before its end, and SIGTERM would wait, too.
    """
    began = time.monotonic()
    async for one in start:
        yield one
        if time.monotonic() - began > TURN:
            await asyncio.sleep(0)
            began = time.monotonic()


class SpiderSideMiddleware:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        crawler.signals.connect(middleware.spider_error, scrapy_signals.spider_error)
        return middleware

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for one in in_turns(start):
            self._note_start()
            if isinstance(one, Request):
                YIELDED_BY.set(one, start)
                mark_start(one)
            yield one
        self._note_start()

    def _note_start(self) -> None:
        scheduler = scheduler_of(self.crawler)
        if scheduler is not None:
            scheduler.start_has_begun = True

    def process_spider_input(self, response: Response) -> None:
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None:
            page.came(response)

    def process_spider_output(self, response: Response, result: Iterable[Any]) -> Iterable[Any]:
        delta, requests = self._delta_of(response), self._list_requests(response)
        for one in result:
            if isinstance(one, Request):
                YIELDED_BY.set(one, result)
                requests.add(one)
            if delta is not None:
                self._note_output(delta, one)
            yield one
        requests.end()

    async def process_spider_output_async(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        delta, requests = self._delta_of(response), self._list_requests(response)
        async for one in result:
            if isinstance(one, Request):
                YIELDED_BY.set(one, result)
                requests.add(one)
            if delta is not None:
                self._note_output(delta, one)
            yield one
        requests.end()

    def _list_requests(self, response: Response) -> ListRequests:
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        return ListRequests(page, response, self.crawler.spider)

    def _delta_of(self, response: Response) -> PageDelta | None:
        """Return the part of the page that notes its output for the next crawl; None if nothing is noted."""
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        delta = page.delta if page is not None else None
        return delta if isinstance(delta, PageDelta) and delta.unchanged is None else None

    def _note_output(self, delta: PageDelta, one: Any) -> None:
        """Note what a callback yields as the next crawl yields it again if the page is unchanged."""
        assert self.crawler.spider is not None
        if one is None or delta.output is None:
            return
        try:
            delta.add(output_json(one, self.crawler.spider))
        except NotJson:
            delta.leave_out()

    def process_spider_exception(self, response: Response, exception: Exception) -> None:
        """Note the error before another middleware handles it: HttpErrorMiddleware swallows HTTP errors."""
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None and not isinstance(exception, CloseSpider):
            if isinstance(exception, HttpError):
                note_failure(page, exception)
            else:
                page.status = response.status

    def spider_error(self, failure: Any, response: Any) -> None:
        """Fail the page of a callback or an errback that raised. What it yielded before is stored."""
        scheduler = scheduler_of(self.crawler)
        if scheduler is None:
            return
        if response is None:  # start() raised
            scheduler.start_page.fail(_trace(failure.value))
            return
        page = scheduler.page_of(getattr(response, "request", None))
        if page is not None:
            page.fail(_trace(failure.value))
            page.exhausted()


class EngineSideMiddleware:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        scheduler = scheduler_of(self.crawler)
        if scheduler is None:
            async for one in start:
                yield one
            return
        if not await scheduler.may_read_start():
            return
        check = partial(check_request, spider=scheduler.spider)
        async for one in through(scheduler.start_page, start, check):
            yield one
            if scheduler.budget.is_spent:
                return

    def process_spider_input(self, response: Response) -> None:
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None:
            page.answered = True
            page.rendered = response.request is not None and is_splash_request(response.request)

    async def process_spider_output(self, response: Response, result: Any) -> AsyncIterator[Any]:
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if scheduler is None or page is None:
            async for one in as_async_generator(result):
                if isinstance(one, Request):
                    YIELDED_BY.pop(one)
                yield one
            return
        page.status = page.status or response.status
        page.readers += 1
        try:
            check = partial(check_found, spider=scheduler.spider)
            async for one in noted(page, as_async_generator(result), check):
                yield one
        except CloseSpider:
            page.exhausted()
            raise
        finally:
            page.readers -= 1
        # A middleware's output in place of an exception comes by a second call, which begins before this callback runs.
        asyncio.get_running_loop().call_soon(_is_read, page, response)


def _is_read(page: Page, response: Response) -> None:
    if page.is_fetched_again:
        page.is_fetched_again = False
    elif not page.readers:
        page.exhausted()
        part_from_selector(response)


def part_from_selector(response: Response) -> None:
    """Remove the reference from the response's selector to the response; the response keeps its selector.

    With references in both directions Python would keep both, with the tree of the HTML and the page's requests, until
    its garbage collector runs. Scrapy has no public name for a selector that a response may have made.
    """
    selector = getattr(response, "_cached_selector", None)
    if selector is not None and selector.response is response:
        selector.response = None


def _trace(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return text[-LONGEST_TRACEBACK:]
