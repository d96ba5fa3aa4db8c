"""One Chromium and its pool of tabs: lends and cleans them, and starts Chromium again after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from renderer.cdp import ChromiumGone, CommandFailed, TargetGone
from renderer.chromium import Chromium, ChromiumMissing, ChromiumProcess, make_profile, remove_profile
from renderer.errors import Overloaded
from renderer.tab import Tab

log = logging.getLogger(__name__)

T = TypeVar("T")

# A tab collects memory with every site it sees; this many renders is often enough to keep it small and seldom
# enough to cost nothing.
RENDERS_A_TAB = 200
QUEUE_PER_SLOT = 32


class Browser:
    """Call ``start`` once, ``render`` for every request, ``end`` at last."""

    def __init__(self, chromium: Chromium, slots: int) -> None:
        self._chromium = chromium
        self._slots = asyncio.Semaphore(slots)
        self._max_queue = slots * QUEUE_PER_SLOT
        self._idle: list[Tab] = []
        self._process: ChromiumProcess | None = None
        self._profile = make_profile()
        self._starting = asyncio.Lock()
        self._cleaning: set[asyncio.Task[None]] = set()
        self.version = ""
        self.queued = 0
        self.active = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        process = await self._running()
        self.version = (await process.connection.browser.call("Browser.getVersion"))["product"]

    async def _running(self) -> ChromiumProcess:
        async with self._starting:
            if (
                self._process is None
                or self._process.exited.is_set()
                or self._process.connection.browser.is_gone
            ):
                if self._process is not None:
                    log.warning("Chromium went away and is started again")
                    await self._process.end()
                self._idle.clear()
                remove_profile(self._profile)
                self._profile.mkdir(mode=0o700)
                self._process = await self._chromium.start(self._profile)
            return self._process

    async def render(self, work: Callable[[Tab], Awaitable[T]]) -> T:
        """Do this work on a clean tab of one's own. When the tab dies under it, once more on another."""
        try:
            return await self._attempt(work)
        except TargetGone:
            log.warning("a tab died during a render, which is tried again")
        try:
            return await self._attempt(work)
        except TargetGone as error:
            raise Overloaded({"type": "browser_crashed", "description": "Chromium crashed twice"}) from error

    async def _attempt(self, work: Callable[[Tab], Awaitable[T]]) -> T:
        async with self._borrowed_slot():
            tab = await self._take()
            try:
                result = await work(tab)
            except BaseException:
                # Whatever went wrong may go on in there; a new tab is cheaper than finding out.
                tab.spoiled = True
                self._give_back_later(tab)
                raise
            self._give_back_later(tab)
            return result

    @contextlib.asynccontextmanager
    async def _borrowed_slot(self) -> AsyncIterator[None]:
        if self._slots.locked() and self.queued >= self._max_queue:
            raise Overloaded({"type": "queue_full", "description": "Too many requests are waiting"})
        self.queued += 1
        try:
            await self._slots.acquire()
        finally:
            self.queued -= 1
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1

    async def _take(self) -> Tab:
        try:
            process = await self._running()
            while self._idle:
                tab = self._idle.pop()
                if not tab.session.is_gone:
                    return tab
            return await Tab.open(process.connection)
        except (ChromiumMissing, CommandFailed) as error:
            self._slots.release()
            raise Overloaded({"type": "browser_unavailable", "description": str(error)}) from error
        except BaseException:
            self._slots.release()
            raise

    def _give_back_later(self, tab: Tab) -> None:
        # The answer does not wait for the cleaning, but the slot stays taken until it is done.
        task = asyncio.create_task(self._give_back(tab))
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def _give_back(self, tab: Tab) -> None:
        try:
            if await tab.clean() and tab.renders < RENDERS_A_TAB:
                self._idle.append(tab)
            else:
                await tab.close()
        except ChromiumGone:
            pass
        finally:
            self._slots.release()

    async def end(self) -> None:
        for task in self._cleaning:
            task.cancel()
        if self._process is not None:
            await self._process.end()
        remove_profile(self._profile)
