"""Two spider middlewares: one next to the spider, which sees what goes wrong there and at which line it yields; one
next to the engine, which puts everything that a callback yields on its page.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Self

import scrapy
from scrapy import Request
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from scrapy.utils.asyncgen import as_async_generator

from frontier.errback import note_failure
from frontier.output import through
from frontier.request_json import NotJson, encode
from frontier.scheduler import OURS, SESSION, TEXT, Scheduler

YIELDED_BY = (
    "frontier_yielded_by"  # in Request.meta, between the two: the generator that is still at that line
)
LONGEST_TRACEBACK = 8000


def _scheduler(crawler: Crawler) -> Scheduler | None:
    scheduler = crawler.engine.scheduler if crawler.engine else None
    return scheduler if isinstance(scheduler, Scheduler) else None


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
                one.meta[YIELDED_BY] = start
            yield one

    def process_spider_input(self, response: Response) -> None:
        scheduler = _scheduler(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None:
            page.came(response)

    def process_spider_output(self, response: Response, result: Iterable[Any]) -> Iterable[Any]:
        for one in result:
            if isinstance(one, Request):
                one.meta[YIELDED_BY] = result
            yield one

    async def process_spider_output_async(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            if isinstance(one, Request):
                one.meta[YIELDED_BY] = result
            yield one

    def process_spider_exception(self, response: Response, exception: Exception) -> None:
        """Before another middleware makes something of it: an HTTP error ends with HttpErrorMiddleware, unseen."""
        scheduler = _scheduler(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is not None and not isinstance(exception, CloseSpider):
            if type(exception).__name__ == "HttpError":
                note_failure(page, exception)
            else:
                page.status = response.status

    def spider_error(self, failure: Any, response: Any) -> None:
        """A callback or an errback raised: what it had yielded counts, and the page is to be taken up again."""
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
        async for one in through(scheduler.start_page, start, self._check):
            yield one

    async def process_spider_output(self, response: Response, result: Any) -> AsyncIterator[Any]:
        scheduler = _scheduler(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is None:
            async for one in as_async_generator(result):
                if isinstance(one, Request):
                    one.meta.pop(YIELDED_BY, None)
                yield one
            return
        page.status = page.status or response.status
        try:
            async for one in through(page, as_async_generator(result), self._check_found):
                yield one
        except CloseSpider:
            page.exhausted()
            raise

    def _check(self, request: Request) -> None:
        """Refuse what could not be resumed now, at the line that made it, and not after the next crash.

        Raises:
            NotJson: names the key and the line.
        """
        yielded_by = request.meta.pop(YIELDED_BY, None)
        if request.meta.get(SESSION):
            return
        assert self.crawler.spider is not None
        try:
            request.meta[TEXT] = encode(request, self.crawler.spider, without_meta=OURS)
        except NotJson as error:
            raise NotJson(f"{error}{_line(yielded_by)}") from None

    def _check_found(self, request: Request) -> None:
        """The same for a request that was found on a page.

        Raises:
            NotJson: it would make a session that a resumed run could not make again.
        """
        if request.meta.get(SESSION):
            raise NotJson(
                f"{request.url}: a login belongs into start(), which a resumed run reads again"
                f"{_line(request.meta.pop(YIELDED_BY, None))}"
            )
        self._check(request)


SCRAPY = Path(scrapy.__file__).parent


def _line(generator: Any) -> str:
    """Where the spider's generator stands, below those that Scrapy has wrapped it in; nothing for a list."""
    while (frame := getattr(generator, "gi_frame", None) or getattr(generator, "ag_frame", None)) is not None:
        file = Path(frame.f_code.co_filename)
        if not file.is_relative_to(SCRAPY):
            return f" (yielded at {file.name}, line {frame.f_lineno})"
        inner = (
            one for one in frame.f_locals.values() if inspect.isgenerator(one) or inspect.isasyncgen(one)
        )
        generator = next(inner, None)
    return ""


def _trace(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return text[-LONGEST_TRACEBACK:]
