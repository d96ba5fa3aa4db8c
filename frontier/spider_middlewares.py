"""Two spider middlewares. The one next to the spider notes errors and the lines that yield requests. The one next to
the engine puts everything that a callback yields on its page.
"""

from __future__ import annotations

import asyncio
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

from crawler.download.link_schemes import mark_start
from crawler.meta_keys import YIELDED_BY
from crawler.page.page import Page
from frontier.errback import note_failure
from frontier.page_output import noted, through
from frontier.request_check import check_found, check_request
from frontier.scheduler import Scheduler

LONGEST_TRACEBACK = 8000


def _scheduler(crawler: Crawler) -> Scheduler | None:
    """Return the frontier's scheduler; None where the crawl has another one, as ``scrapy fetch`` has.

    ``isinstance()`` is no help: Scrapy makes it True for every class that has a scheduler's methods.
    """
    scheduler = crawler.engine.scheduler if crawler.engine else None
    return scheduler if Scheduler in type(scheduler).__mro__ else None  # type: ignore[return-value]


class SpiderSideMiddleware:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        crawler.signals.connect(middleware.spider_error, scrapy_signals.spider_error)
        return middleware

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for one in start:
            if isinstance(one, Request):
                YIELDED_BY.set(one, start)
                mark_start(one)
            yield one

    def process_spider_input(self, response: Response) -> None:
        scheduler = _scheduler(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None:
            page.came(response)

    def process_spider_output(self, response: Response, result: Iterable[Any]) -> Iterable[Any]:
        for one in result:
            if isinstance(one, Request):
                YIELDED_BY.set(one, result)
            yield one

    async def process_spider_output_async(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            if isinstance(one, Request):
                YIELDED_BY.set(one, result)
            yield one

    def process_spider_exception(self, response: Response, exception: Exception) -> None:
        """Note the error before another middleware handles it: HttpErrorMiddleware swallows HTTP errors."""
        scheduler = _scheduler(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None and not isinstance(exception, CloseSpider):
            if isinstance(exception, HttpError):
                note_failure(page, exception)
            else:
                page.status = response.status

    def spider_error(self, failure: Any, response: Any) -> None:
        """Fail the page of a callback or an errback that raised. What it yielded before is stored."""
        scheduler = _scheduler(self.crawler)
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
        scheduler = _scheduler(self.crawler)
        if scheduler is None:
            async for one in start:
                yield one
            return
        if not scheduler.reads_start:
            return
        check = partial(check_request, spider=scheduler.spider)
        async for one in through(scheduler.start_page, start, check):
            yield one

    def process_spider_input(self, response: Response) -> None:
        scheduler = _scheduler(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None:
            page.answered = True

    async def process_spider_output(self, response: Response, result: Any) -> AsyncIterator[Any]:
        scheduler = _scheduler(self.crawler)
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
    if not page.readers:
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
