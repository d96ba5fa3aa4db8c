"""The downloader middleware of adaptive rendering: plain HTTP answers a request of ``render()`` where that was learned.

It comes before SplashMiddleware. The learning is in ``frontier.rendering_judge``.
"""

from __future__ import annotations

import logging
from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response, TextResponse

from crawler.meta_keys import RENDER, RENDERING
from crawler.page.element import has_element
from crawler.page.page import Page
from crawler.rendering.decision import Decision
from crawler.rendering.plain_page import NO_ELEMENT
from crawler.rendering.settings import ALWAYS, AUTO, NEVER, rendering_of
from crawler.run.extension import RunExtension
from crawler.splash.rendered_pages import NeverAppeared, count_failure
from crawler.splash.request_mapping import is_copy_of_splash_request, is_rendered, is_splash_request
from crawler.splash.selectors import wrong_in_html
from frontier.plain_requests import download, has_plain_form, plain_form, plain_page_of
from frontier.scheduler import Scheduler, scheduler_of
from frontier.window import host_of

logger = logging.getLogger("splashdown.rendering")

PLAIN_FLAG = "plain"  # the flag of a response that plain HTTP gave to a request of render()


class AdaptiveRenderingMiddleware:
    def __init__(self, crawler: Crawler, run: RunExtension) -> None:
        self.crawler, self.default = crawler, run.rendering.mode
        # Plain pages may be made again later in the run. A trial has no later.
        self.is_trial = run.held.trial_pages is not None
        self._warned = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        run = RunExtension.of(crawler)
        if run is None:
            raise NotConfigured
        middleware = cls(crawler, run)
        crawler.signals.connect(middleware.spider_closed, signals.spider_closed)
        return middleware

    def spider_closed(self) -> None:
        scheduler = scheduler_of(self.crawler)
        if scheduler is not None:
            scheduler.rendering.close()

    async def process_request(self, request: Request) -> Request | Response | None:
        """Return the plain page of a request of ``render()``; None if it is rendered."""
        if not is_rendered(request) or is_splash_request(request) or is_copy_of_splash_request(request):
            return None
        mode = self._mode_of(request)
        if mode == AUTO and self.is_trial:
            mode = ALWAYS
        scheduler = scheduler_of(self.crawler)
        page = scheduler.page_of(request) if scheduler is not None else None
        if mode == ALWAYS or scheduler is None or page is None or page.answered or page.closed:
            return None
        if not has_plain_form(request, self.crawler):
            return None
        if mode == NEVER:
            return await self._never_rendered(request)
        if page.rendering is not None or scheduler.logins.any or not await scheduler.rendering.is_known():
            return None
        return await self._adaptive(scheduler, page, request)

    def _mode_of(self, request: Request) -> str:
        given = RENDERING.get(request)
        if given is None:
            return self.default
        try:
            return rendering_of(given)
        except ValueError as error:
            if not self._warned:
                self._warned = True
                logger.error("%s is rendered: meta['%s'] is wrong: %s", request.url, RENDERING.name, error)
            return ALWAYS

    async def _adaptive(
        self, scheduler: Scheduler, page: Page, request: Request
    ) -> Request | Response | None:
        assert page.number is not None
        page.rendering = rendering = scheduler.rendering.begin(page.number, request)
        if rendering.decision is not Decision.PLAIN:
            return None
        found = await plain_page_of(self.crawler, request)
        if found.response is not None and found.has_element:
            return _answer(found.response, request)
        rendering.decision = Decision.RENDER
        if found.response is not None:
            rendering.lacks_element = True
            logger.info("%s is rendered: %s", request.url, NO_ELEMENT)
        else:
            scheduler.rendering.note_problem(rendering.pattern, found.problem)
        if host_of(request.url) in scheduler.waits:  # the plain request was one too many
            return request.replace(dont_filter=True)
        return None

    async def _never_rendered(self, request: Request) -> Response:
        """Return the response to the plain request.

        Raises:
            NeverAppeared: the element of ``wait_for`` is not on the page.
        """
        response = await download(self.crawler, plain_form(request, retry=True))
        render = RENDER.get(request, {})
        wait_for = render.get("wait_for")
        if response.status < 400 and wait_for is not None:
            wrong = wrong_in_html("wait_for", wait_for)
            if wrong or not isinstance(response, TextResponse) or not has_element(response, wait_for):
                _answer(response, request)
                why = wrong or f"{wait_for!r} is not in the plain page (RENDERING=never)"
                failure = NeverAppeared(request.url, wait_for, 0.0, response, reason=why)
                assert self.crawler.stats is not None
                count_failure(failure, self.crawler.stats)
                raise failure
        return _answer(response, request)


def _answer(response: Response, request: Request) -> Response:
    """Return the response to a plain request as the response to the page's request."""
    plain = response.request
    if plain is not None and "download_latency" in plain.meta:
        request.meta["download_latency"] = plain.meta["download_latency"]
    response.request = request
    response.flags.append(PLAIN_FLAG)
    return response
