"""Requests that wait in Scrapy's download queue while their partition goes to another worker."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request
from scrapy.core.downloader import Downloader as ScrapyDownloader
from scrapy.core.downloader import Slot
from scrapy.http import Response
from twisted.internet.defer import Deferred

from crawler.meta_keys import REQUEST_NUMBER, TENURE_OWNER
from crawler.page.page import Page
from frontier.downloader import Downloader
from frontier.engine_access import TakenBack
from frontier.pages_in_progress import PagesInProgress
from frontier.partitions import Partitions
from frontier.scheduler import Scheduler
from frontier.window import Window
from models.worker import Tenure, partition_of

PARTITIONS = 64


class Parts:
    """A downloader and the scheduler of a worker that has a page of host ``shop``, whose request waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.part = partition_of("shop", PARTITIONS)
        self.shared = SimpleNamespace(may_hand_out=True)
        scheduler: Any = object.__new__(Scheduler)
        scheduler.shared, scheduler.partitions = self.shared, Partitions()
        scheduler.pages = PagesInProgress(Window())
        scheduler.partitions.add([Tenure(self.part, "mine")])
        page = Page(1, "http://shop/", lambda _: None)
        page.tenure = Tenure(self.part, "mine")
        scheduler.pages.add(page)
        self.scheduler = scheduler
        self.downloader: Any = object.__new__(Downloader)
        self.downloader.scheduler, self.downloader.slots = scheduler, {}
        self.made: list[str] = []

        async def download(_downloader: Any, _slot: Slot, request: Request) -> Response:
            self.made.append(request.url)
            return Response(request.url)

        monkeypatch.setattr(ScrapyDownloader, "_download", download)

    def makes(self, request: Request) -> bool:
        """Return whether the request is made when its time has come."""
        try:
            asyncio.run(self.downloader._download(Slot(1, 1.0), request))
        except TakenBack:
            assert not self.made
            return False
        return self.made == [request.url]


def request_of_page() -> Request:
    return Request("http://shop/", meta={REQUEST_NUMBER.name: 1, TENURE_OWNER.name: "mine"})


def test_a_worker_that_wakes_up_makes_no_request_before_it_has_looked_at_its_partitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = Parts(monkeypatch)
    parts.shared.may_hand_out = False
    assert not parts.makes(request_of_page())
    parts.shared.may_hand_out = True
    assert parts.makes(request_of_page())


@pytest.mark.parametrize("how", ["drain", "remove", "take again"])
def test_a_request_of_a_partition_that_another_worker_has_is_not_made(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    parts = Parts(monkeypatch)
    if how == "drain":
        parts.scheduler.partitions.drain([parts.part], now=0.0)
    else:
        parts.scheduler.partitions.remove([Tenure(parts.part, "mine")])
    if how == "take again":  # and make the request again, while the first one waits
        parts.scheduler.partitions.add([Tenure(parts.part, "mine again")])
        page = Page(1, "http://shop/", lambda _: None)
        page.tenure = Tenure(parts.part, "mine again")
        parts.scheduler.pages.add(page)
    assert not parts.makes(request_of_page())


def test_other_requests_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(monkeypatch)
    parts.shared.may_hand_out = False
    assert parts.makes(Request("http://shop/robots.txt"))  # without it, everything would be allowed


def test_a_host_that_another_worker_may_have_asked_waits_for_its_delay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("frontier.downloader.time.monotonic", lambda: 500.0)
    parts = Parts(monkeypatch)
    slots = {"shop": Slot(1, 1.0), "other": Slot(1, 1.0)}
    parts.downloader.slots = slots
    parts.downloader.begin_delays([parts.part], PARTITIONS)
    assert (slots["shop"].lastseen, slots["other"].lastseen) == (500.0, 0)


def test_a_delay_begins_when_a_request_has_been_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is busy between the moment at which a request leaves the queue, and that at which it is sent."""
    parts, now = Parts(monkeypatch), [100.0]
    timers: dict[float, Any] = {}

    def call_later(delay: float, function: Any, *arguments: Any) -> SimpleNamespace:
        timers[now[0] + delay] = (function, arguments)
        return SimpleNamespace(cancel=timers.clear)

    for module in ("frontier.downloader", "scrapy.core.downloader"):
        monkeypatch.setattr(f"{module}.call_later", call_later)
    monkeypatch.setattr("scrapy.core.downloader.monotonic", lambda: now[0])
    monkeypatch.setattr("frontier.downloader.time.monotonic", lambda: now[0])
    slot = Slot(2, 10.0)
    made_at: list[float] = []

    async def download(_downloader: Any, _slot: Slot, request: Request) -> Response:
        made_at.append(now[0])
        return Response(request.url)

    monkeypatch.setattr(ScrapyDownloader, "_download", download)

    async def go_to(moment: float) -> None:
        now[0] = moment
        for at in sorted(timers):
            if at <= moment:
                function, arguments = timers.pop(at)
                function(*arguments)
        await asyncio.sleep(0)  # the tasks that begin the downloads

    async def crawl() -> None:
        slot.queue.extend((request_of_page(), Deferred()) for _ in range(2))
        parts.downloader._process_queue(slot)
        for moment in (107.0, 109.0, 110.0, 118.0, 119.0):
            await go_to(moment)

    asyncio.run(crawl())
    assert made_at == [107.0, 119.0]  # sent at 109, after the loop's next turn
