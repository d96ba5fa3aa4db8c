"""The judge of adaptive rendering: it compares what a callback yields for the plain page and for the rendered page.

It runs before the page is committed, so that one output is stored: a plain one is held until it is judged.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from scrapy.utils.misc import load_object

from crawler.page.completeness import CUT
from crawler.page.page import Page
from crawler.rendering.comparison import TWO_CALLS, PageOutput, difference
from crawler.rendering.decision import Decision
from crawler.rendering.page_rendering import PageRendering
from crawler.rendering.plain_page import NO_ELEMENT
from crawler.run.extension import RunExtension
from crawler.run.interfaces import CheckItem
from crawler.splash.request_mapping import is_splash_request, restore_page_request
from frontier.adaptive_rendering import PLAIN_FLAG
from frontier.callback_output import Callback, SecondCall, note_result, results_of
from frontier.plain_requests import plain_page_of
from frontier.scheduler import Scheduler, scheduler_of
from frontier.window import host_of
from models.page_shape import Shape
from models.rendering_lesson import PLAIN

logger = logging.getLogger("splashdown.rendering")

LONGEST_REASON = 500  # characters


class JudgedCallback:
    """Takes the place of a request's callback while Scrapy calls it."""

    def __init__(
        self, original: Callback | None, callback: Callback, judge: Callable[..., AsyncIterator[Any]]
    ) -> None:
        self.stored_as = original  # what frontier.request_json stores
        self._callback, self._judge = callback, judge

    def __call__(self, response: Response, **cb_kwargs: Any) -> AsyncIterator[Any]:
        assert response.request is not None
        response.request.callback = self.stored_as
        return self._judge(self._callback, response, cb_kwargs)


class RenderingJudgeMiddleware:
    """The spider middleware next to the spider."""

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.spider is not None
        self.crawler, self.spider = crawler, crawler.spider
        self.check_item: CheckItem = load_object(crawler.settings["ITEM_CHECK"])

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if RunExtension.of(crawler) is None:
            raise NotConfigured
        return cls(crawler)

    def process_spider_input(self, response: Response) -> None:
        """Let the judge call the callback of a page that it has to judge."""
        scheduler, request = scheduler_of(self.crawler), response.request
        page = scheduler.page_of(request) if scheduler is not None else None
        rendering = page.rendering if page is not None else None
        if scheduler is None or request is None or page is None or not isinstance(rendering, PageRendering):
            return
        judge: Callable[..., AsyncIterator[Any]]
        if PLAIN_FLAG in response.flags:
            judge = self._judged_plain
        elif _is_compared(rendering) and is_splash_request(request) and _is_page(response):
            judge = self._judged_rendered
        else:
            return

        def judged(callback: Callback, response: Response, cb_kwargs: dict[str, Any]) -> AsyncIterator[Any]:
            return judge(scheduler, page, callback, response, cb_kwargs)

        request.callback = JudgedCallback(request.callback, request.callback or self.spider._parse, judged)

    # --- A plain page -----------------------------------------------------------------------------------------------

    async def _judged_plain(
        self,
        scheduler: Scheduler,
        page: Page,
        callback: Callback,
        response: Response,
        cb_kwargs: dict[str, Any],
    ) -> AsyncIterator[Any]:
        """Yield the output of a plain page; or, if something is missing in it, have the page rendered."""
        rendering = page.rendering
        assert isinstance(rendering, PageRendering) and page.number is not None
        output, held = PageOutput(), []
        request = response.request
        assert request is not None
        carried = request.copy()
        try:
            async for one in results_of(callback(response, **cb_kwargs)):
                held.append(one)
                note_result(one, output, self.spider, self.check_item)
        except Exception as error:  # a callback may raise any class; the rendered page decides
            output.error = f"{type(error).__name__}: {error}"
        learned = scheduler.rendering.progress(rendering.pattern).learned
        doubt = "its pattern is rendered now" if learned.mode != PLAIN else None
        if output.error is not None:
            doubt = doubt or f"the callback raised {output.error}"
        doubt = doubt or output.invalid or learned.shape.missing_in(output.shape)
        if doubt is None:
            scheduler.rendering.note_plain(rendering, page.number, output.shape)
            for one in held:
                yield one
            return
        logger.info("%s is rendered: %s", response.url, doubt)
        rendering.decision, rendering.discarded = Decision.RENDER, output
        scheduler.fetch_again(page, carried)

    # --- A rendered page --------------------------------------------------------------------------------------------

    async def _judged_rendered(
        self,
        scheduler: Scheduler,
        page: Page,
        callback: Callback,
        response: Response,
        cb_kwargs: dict[str, Any],
    ) -> AsyncIterator[Any]:
        """Yield the output of a rendered page, and compare it with that of the plain page."""
        output, second = PageOutput(), None
        try:
            second = SecondCall(response, callback, self.spider, self.check_item)
        except Exception as error:  # what a request carries may raise any class when it is copied
            logger.info("%s is not compared: its request cannot be copied: %s", response.url, error)
        results = callback(response, **cb_kwargs)
        async for one in results_of(results):
            note_result(one, output, self.spider, self.check_item)
            yield one
        if second is not None:
            await self._compare(scheduler, page, response, output, second)

    async def _compare(
        self, scheduler: Scheduler, page: Page, response: Response, output: PageOutput, second: SecondCall
    ) -> None:
        rendering = page.rendering
        assert isinstance(rendering, PageRendering)
        learn = scheduler.rendering.learn
        if rendering.lacks_element:
            learn(page, equal=False, reason=NO_ELEMENT, shape=Shape())
            return
        plain = rendering.discarded
        if plain is None:
            assert response.request is not None
            request = restore_page_request(response.request)
            if host_of(request.url) in scheduler.waits:
                return
            found = await plain_page_of(self.crawler, request)
            if found.response is None:
                scheduler.rendering.note_problem(rendering.pattern, found.problem)
                return
            if not found.has_element:
                learn(page, equal=False, reason=NO_ELEMENT, shape=Shape())
                return
            plain = await second.output_for(found.response)
        why = difference(output, plain)
        if why is None:
            learn(page, equal=True, reason="the plain page yields the same", shape=output.shape)
            return
        impure = difference(output, await second.output_for(response), TWO_CALLS)
        if impure is not None:
            why = f"the callback yields different things for one page: {impure}"
        learn(page, equal=False, reason=why[:LONGEST_REASON], shape=Shape(), impure=impure is not None)


def _is_compared(rendering: PageRendering) -> bool:
    return (
        rendering.decision is Decision.COMPARE or rendering.lacks_element or rendering.discarded is not None
    )


def _is_page(response: Response) -> bool:
    """Return whether the rendered page teaches something: errors and pages that were cut off do not."""
    return response.status == 200 and CUT not in response.flags
