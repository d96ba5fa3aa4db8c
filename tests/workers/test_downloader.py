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
