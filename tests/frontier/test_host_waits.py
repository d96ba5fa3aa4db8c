"""HostWaits: which hosts are paused and for how long, without an engine and without a database."""

from __future__ import annotations

import asyncio

from frontier.host_waits import MOST_WAITS, HostWaits
from frontier.window import Window, host_of
from tests.frontier.fakes import FakeWriter, queued


def waits(window: Window, writer: FakeWriter, patience: float = 60.0) -> HostWaits:
    return HostWaits(window, patience=patience, writer=writer.get, wake=lambda: None)


def test_the_host_of_a_url_has_its_port_and_no_password() -> None:
    assert host_of("https://me:secret@Shop.example:8443/a?b") == "shop.example:8443"


def test_a_paused_host_leaves_no_request_out_of_the_window() -> None:
    window = Window()
    window.add(queued(1))
    window.pause("shop")
    assert (len(window), window.ready, window.pop()) == (1, 0, None)
    window.resume("shop")
    assert window.ready == 1 and window.pop() is not None


def test_a_host_that_asks_to_wait_is_paused_stored_and_resumed() -> None:
    async def check() -> None:
        window, writer = Window(), FakeWriter()
        resumed = asyncio.Event()
        made = HostWaits(window, patience=60, writer=writer.get, wake=resumed.set)
        window.add(queued(1))
        made.wait("shop", 0.01)
        assert "shop" in made and made.hosts == ["shop"] and window.ready == 0
        assert writer.waits == [("shop", 0.01)]
        await asyncio.wait_for(resumed.wait(), 5)
        assert "shop" not in made and window.ready == 1

    asyncio.run(check())


def test_the_longer_of_two_waits_holds() -> None:
    async def check() -> None:
        window, writer = Window(), FakeWriter()
        made = waits(window, writer)
        made.wait("shop", 50)
        made.wait("shop", 10)
        made.wait("other", 0)
        assert writer.waits == [("shop", 50)] and made.hosts == ["shop"]

    asyncio.run(check())


def test_waits_of_an_earlier_process_are_not_stored_again() -> None:
    async def check() -> None:
        window, writer = Window(), FakeWriter()
        made = waits(window, writer)
        made.recover({"shop": 30.0})
        assert "shop" in made and writer.waits == []

    asyncio.run(check())


def test_the_crawl_waits_for_the_first_host_within_its_patience() -> None:
    async def check() -> None:
        made = waits(Window(), FakeWriter(), patience=60)
        assert made.too_long() is None
        made.wait("slow", 7200)
        assert "slow asked to wait until" in (made.too_long() or "")
        made.wait("shop", 30)
        assert made.too_long() is None

    asyncio.run(check())


def test_a_request_waits_a_limited_number_of_times() -> None:
    made = waits(Window(), FakeWriter())
    assert [made.may_wait_again(7) for _ in range(MOST_WAITS + 1)] == [True] * MOST_WAITS + [False]
