"""A client that disconnects, at any time, leaves nothing in Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import psutil
import pytest

from renderer.chromium.process import Chromium, find_chromium
from renderer.egress.proxy_profiles import Proxy, ProxyRules
from renderer.pool.browser import Browser
from renderer.tab.policy import TabPolicy
from renderer.tab.tab import Tab
from tests.renderer.conftest import Pages
from tests.renderer.polling import eventually

PROXY = ProxyRules(proxy=Proxy(scheme="http", host="127.0.0.1", port=9))


class Cancelled:
    """Awaits a coroutine, and cancels it at its ``number``-th wait: at the wait's start, or ``late`` at its end."""

    def __init__(self, work: Coroutine[Any, Any, object], number: int, *, late: bool) -> None:
        self.work, self.number, self.late = work, number, late
        self.is_over = False  # the coroutine ended before its ``number``-th wait

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self.work.__await__()
        for number in range(1, self.number + 1):
            try:
                waits = steps.send(None)
            except StopIteration:
                self.is_over = True
                return
            if number == self.number and not self.late:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield waits
            except asyncio.CancelledError as cancelled:
                steps.throw(cancelled)
        steps.throw(asyncio.CancelledError())
        raise AssertionError("the coroutine continued although it was cancelled")


async def cancel_at_each_wait(
    make: Callable[[], Coroutine[Any, Any, object]], settled: Callable[[], Awaitable[object]]
) -> int:
    """Cancel one coroutine at its first wait, another one at its second wait, and so on; return the last number."""
    for late in (False, True):
        for number in range(1, 100):
            cancelled = Cancelled(make(), number, late=late)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.ensure_future(_awaited(cancelled))
            await settled()
            if cancelled.is_over:
                break
        else:
            raise AssertionError("the coroutine has more than 99 waits")
    return number


async def _awaited(cancelled: Cancelled) -> None:
    await cancelled


def listeners() -> int:
    """Return the number of ports on which this process listens: each tab with a proxy has one."""
    return sum(one.status == psutil.CONN_LISTEN for one in psutil.Process().net_connections("tcp"))


@pytest.fixture
def chromium() -> Chromium:
    return Chromium(program=find_chromium(None, os.environ))


def test_a_tab_whose_opening_is_cancelled_is_closed(chromium: Chromium) -> None:
    async def run() -> int:
        process = await chromium.start()
        browser = process.connection.browser

        async def contexts() -> int:
            return len((await browser.call("Target.getBrowserContexts"))["browserContextIds"])

        async def open_and_close() -> None:
            await (await Tab.open(process.connection, TabPolicy(caches=False))).close()

        try:
            return await cancel_at_each_wait(open_and_close, lambda: eventually(contexts, 0))
        finally:
            await process.end()

    assert asyncio.run(run()) > 5


@pytest.mark.parametrize("proxy", [None, PROXY], ids=["direct", "proxy"])
def test_a_render_that_is_cancelled_leaves_no_tab(
    chromium: Chromium, pages: Pages, proxy: ProxyRules | None
) -> None:
    async def run() -> int:
        browser = Browser(chromium, 1)
        await browser.start()
        first = browser.pids
        instance = await browser._running(images=True)
        pipe = instance.process.connection.browser
        before = listeners()

        async def work(tab: Tab) -> None:
            await tab.go("about:blank" if proxy else f"{pages.url}/plain")
            await tab.document.html()

        async def left() -> tuple[int, int, int]:
            if browser._tasks:
                return -1, -1, -1
            contexts = (await pipe.call("Target.getBrowserContexts"))["browserContextIds"]
            return len(contexts) - len(instance.idle), instance.lent, listeners() - before

        try:
            waits = await cancel_at_each_wait(
                lambda: browser.render(work, proxy), lambda: eventually(left, (0, 0, 0))
            )
            assert len(instance.idle) <= 1
            assert browser.pids == first
            await browser.render(work, proxy)
            return waits
        finally:
            await browser.end()

    assert asyncio.run(run()) > 3
