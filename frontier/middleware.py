"""Two spider middlewares: one next to the spider, which sees what goes wrong there and at which line it yields; one
next to the engine, which puts everything that a callback yields on its page.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Self

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

LINE = "frontier_line"  # in Request.meta, between the two: where the spider yielded it
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
                one.meta[LINE] = _line(start)
            yield one

    def process_spider_output(self, response: Response, result: Iterable[Any]) -> Iterable[Any]:
        for one in result:
            if isinstance(one, Request):
                one.meta[LINE] = _line(result)
            yield one

    async def process_spider_output_async(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        async for one in result:
            if isinstance(one, Request):
                one.meta[LINE] = _line(result)
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
        async for one in through(scheduler.start_page, start):
            if isinstance(one, Request):
                self._check(one)
            yield one

    async def process_spider_output(self, response: Response, result: Any) -> AsyncIterator[Any]:
        scheduler = _scheduler(self.crawler)
        page = scheduler.page_of(response.request) if scheduler else None
        if page is None:
            async for one in as_async_generator(result):
                if isinstance(one, Request):
                    one.meta.pop(LINE, None)
                yield one
            return
        page.status = page.status or response.status
        try:
            async for one in through(page, as_async_generator(result)):
                if isinstance(one, Request):
                    self._check(one)
                    if one.meta.get(SESSION):
                        raise NotJson(
                            f"{one.url}: a login belongs into start(), which a resumed run reads again"
                        )
                yield one
        except CloseSpider:
            page.exhausted()
            raise

    def _check(self, request: Request) -> None:
        """Refuse what could not be resumed now, at the line that made it, and not after the next crash.

        Raises:
            NotJson: names the key and the line.
        """
        line = request.meta.pop(LINE, "")
        if request.meta.get(SESSION):
            return
        assert self.crawler.spider is not None
        try:
            request.meta[TEXT] = encode(request, self.crawler.spider, without_meta=OURS)
        except NotJson as error:
            raise NotJson(f"{error}{line}") from None


def _line(generator: Any) -> str:
    """Where a generator stands; nothing for a list."""
    frame = getattr(generator, "gi_frame", None) or getattr(generator, "ag_frame", None)
    if frame is None or not (inspect.isgenerator(generator) or inspect.isasyncgen(generator)):
        return ""
    return f" (yielded at {Path(frame.f_code.co_filename).name}, line {frame.f_lineno})"


def _trace(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return text[-LONGEST_TRACEBACK:]
