"""RateLimitMiddleware: what an answer means for its host, without an engine and without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.core.downloader import Slot
from scrapy.exceptions import DownloadConnectionRefusedError, DownloadTimeoutError
from scrapy.http import Response
from scrapy.utils.test import get_crawler
from twisted.internet.defer import Deferred

from crawler.meta_keys import REQUEST_NUMBER, SPLASH_PROCESSED, TENURE_OWNER
from crawler.page.page import Page
from frontier.engine_access import TakenBack
from frontier.host_waits import MOST_WAITS, HostWaits
from frontier.pages_in_progress import PagesInProgress
from frontier.partitions import Partitions
from frontier.rate_limits import RateLimitMiddleware
from frontier.scheduler import Scheduler
from frontier.window import Window
from models.worker import Tenure
from tests.frontier.fakes import FakeWriter


class Parts:
    """A middleware with its neighbours."""

    def __init__(self, **settings: Any) -> None:
        crawler = get_crawler(Spider, settings)
        self.writer, self.slot = FakeWriter(), Slot(concurrency=1, delay=1)
        self.waits = HostWaits(Window(), patience=60, writer=self.writer.get, wake=lambda: None)
        scheduler = object.__new__(Scheduler)
        scheduler.waits = self.waits
        scheduler.pages, scheduler.partitions = PagesInProgress(Window()), Partitions()
        downloader = SimpleNamespace(slots={"shop": self.slot})
        crawler.engine = SimpleNamespace(scheduler=scheduler, downloader=downloader)  # type: ignore[assignment]
        self.scheduler, self.middleware = scheduler, RateLimitMiddleware(crawler)

    def answer(self, status: int, headers: dict[str, str] | None = None, **meta: Any) -> Request | Response:
        asked = request(**meta)
        return self.middleware.process_response(asked, Response(asked.url, status=status, headers=headers))


def request(url: str = "http://shop/1", number: int = 1, **meta: Any) -> Request:
    return Request(url, meta={REQUEST_NUMBER.name: number} | meta)


def in_a_loop(check: Callable[[], None]) -> None:
    async def run() -> None:
        check()

    asyncio.run(run())


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_names_a_time_waits_and_its_request_goes_back(status: int) -> None:
    def check() -> None:
        parts = Parts()
        again = parts.answer(status, {"Retry-After": "30"})
        assert isinstance(again, Request) and again.dont_filter and again.url == "http://shop/1"
        assert parts.writer.waits == [("shop", 30.0)]
        assert isinstance(parts.middleware.process_request(request("http://shop/2", 2)), Request)
        assert parts.middleware.process_request(request("http://other/2", 3)) is None
        assert parts.middleware.process_request(Request("http://shop/robots.txt")) is None

    in_a_loop(check)


def test_a_longer_time_than_the_limit_is_limited() -> None:
    def check() -> None:
        parts = Parts(RETRY_AFTER_LIMIT=100)
        parts.answer(429, {"Retry-After": "86400"})
        assert parts.writer.waits == [("shop", 100.0)]

    in_a_loop(check)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, {"Retry-After": "soon"}])
def test_a_host_that_names_no_time_backs_off_and_scrapy_retries(headers: dict[str, str]) -> None:
    def check() -> None:
        parts = Parts()
        assert isinstance(parts.answer(503, headers), Response)
        assert "shop" in parts.waits and parts.writer.waits == []

    in_a_loop(check)


def test_other_answers_make_no_host_wait() -> None:
    def check() -> None:
        parts = Parts()
        for status in (200, 403, 404, 500):
            assert isinstance(parts.answer(status, {"Retry-After": "30"}), Response)
        asked = Request("http://shop/robots.txt")
        limited = Response(asked.url, status=429, headers={"Retry-After": "30"})
        assert parts.middleware.process_response(asked, limited) is limited
        assert parts.waits.hosts == []

    in_a_loop(check)


def test_a_request_that_waited_too_often_or_is_not_to_be_retried_fails() -> None:
    def check() -> None:
        parts = Parts()
        answers = [parts.answer(429, {"Retry-After": "30"}) for _ in range(MOST_WAITS + 1)]
        assert [isinstance(one, Request) for one in answers] == [True] * MOST_WAITS + [False]
        assert isinstance(parts.answer(429, {"Retry-After": "30"}, number=2, dont_retry=True), Response)

    in_a_loop(check)


def test_a_timeout_of_the_site_makes_it_back_off_and_a_timeout_of_a_renderer_does_not() -> None:
    def check() -> None:
        parts = Parts()
        rendered = request("http://renderer/", splash={"args": {"url": "http://shop/1"}})
        SPLASH_PROCESSED.set(rendered, True)
        assert parts.middleware.process_exception(rendered, DownloadTimeoutError()) is None
        assert parts.middleware.process_exception(request(), DownloadConnectionRefusedError()) is None
        assert parts.waits.hosts == []
        assert parts.middleware.process_exception(request(), DownloadTimeoutError()) is None
        assert parts.waits.hosts == ["shop"]

    in_a_loop(check)


def test_without_a_limit_no_host_backs_off() -> None:
    def check() -> None:
        parts = Parts(HOST_BACKOFF_LIMIT=0)
        parts.answer(503)
        assert parts.waits.hosts == []

    in_a_loop(check)


def test_a_request_of_a_partition_that_is_given_up_is_not_made() -> None:
    """It may have waited for robots.txt of its host until the partition was given up, or taken by another worker."""
    parts = Parts()
    parts.scheduler.partitions.add([Tenure(3, "mine")])
    page = Page(1, "http://shop/1", lambda _: None)
    page.tenure = Tenure(3, "mine")
    parts.scheduler.pages.add(page)
    owner = {TENURE_OWNER.name: "mine"}
    assert parts.middleware.process_request(request(**owner)) is None
    parts.scheduler.partitions.drain([3], now=0.0)
    assert isinstance(parts.middleware.process_request(request(**owner)), Request)


def test_requests_in_the_download_queue_go_back_to_the_frontier() -> None:
    def check() -> None:
        parts = Parts()
        queued = [
            request("http://shop/2", 2),
            request("http://other/3", 3),
            Request("http://shop/robots.txt"),
        ]
        raised: list[BaseException] = []
        for one in queued:
            waiting: Deferred[Response] = Deferred()
            waiting.addErrback(lambda failure: raised.append(failure.value))
            parts.slot.queue.append((one, waiting))
        parts.answer(429, {"Retry-After": "30"})
        assert [one.url for one, _ in parts.slot.queue] == ["http://other/3", "http://shop/robots.txt"]
        assert [type(error) for error in raised] == [TakenBack]
        again = parts.middleware.process_exception(queued[0], raised[0])  # type: ignore[arg-type]
        assert isinstance(again, Request) and REQUEST_NUMBER.get(again) == 2

    in_a_loop(check)
