"""One Chromium and its pool of tabs: lends and cleans them, and starts Chromium anew when it crashed or is worn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TypeVar

from renderer.cdp import ChromiumGone, CommandFailed, TargetGone
from renderer.chromium import Chromium, ChromiumMissing, ChromiumProcess
from renderer.cleaning import clean
from renderer.egress import Egress
from renderer.errors import Overloaded
from renderer.proxy import ProxyRules
from renderer.tab import Tab, TabPolicy

log = logging.getLogger(__name__)

T = TypeVar("T")

# A tab collects memory with every render, some 10 KB, and more with every site that it sees; a new one costs 70 ms.
RENDERS_A_TAB = 500
# Chromium itself keeps some 2 KB of every render and 40 KB of every tab, whatever is closed. To start it costs half a
# second.
RENDERS_A_CHROMIUM = 5000
TABS_A_CHROMIUM = 500
OLDEST_CHROMIUM = 3600.0  # seconds
QUEUE_PER_SLOT = 32


@dataclass(kw_only=True, eq=False)
class _Generation:
    """A Chromium from its start to its end: it may have a successor while its last pages are under way."""

    process: ChromiumProcess
    since: float = field(default_factory=time.monotonic)
    idle: list[Tab] = field(default_factory=list)
    lent: int = 0
    renders: int = 0
    tabs: int = 0  # that were opened

    @property
    def is_worn(self) -> bool:
        age = time.monotonic() - self.since
        if self.renders >= RENDERS_A_CHROMIUM or self.tabs >= TABS_A_CHROMIUM:
            return True
        return self.renders > 0 and age > OLDEST_CHROMIUM

    @property
    def is_gone(self) -> bool:
        return self.process.exited.is_set() or self.process.connection.browser.is_gone


class Browser:
    """Call ``start`` once, ``render`` for every request, ``end`` at last."""

    def __init__(
        self, chromium: Chromium, slots: int, policy: TabPolicy | None = None, *, public_only: bool = False
    ) -> None:
        self._chromium = chromium
        self._policy = policy or TabPolicy()
        self._public_only = public_only
        self._shared_egress: Egress | None = None
        self._slots = asyncio.Semaphore(slots)
        self._max_queue = slots * QUEUE_PER_SLOT
        self._newest: _Generation | None = None
        self._older: set[_Generation] = set()
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing = False
        self.queued = 0
        self.active = 0

    @property
    def pid(self) -> int | None:
        return self._newest.process.pid if self._newest else None

    async def start(self) -> None:
        if self._public_only:
            self._shared_egress = await self._open_egress(None)
        generation = await self._running()
        # The first client should not have to wait for it.
        tab = await Tab.open(generation.process.connection, self._policy, self._shared_egress)
        generation.idle.append(tab)

    async def _running(self) -> _Generation:
        async with self._starting:
            if self._newest is None or self._newest.is_gone:
                if self._newest is not None:
                    log.warning("Chromium went away and is started again")
                    await self._newest.process.end()
                self._newest = _Generation(process=await self._chromium.start())
            return self._newest

    async def _open_egress(self, proxy: ProxyRules | None) -> Egress:
        egress = Egress(proxy, public_only=self._public_only, blocked_port=self._chromium.blocked_port)
        await egress.open()
        return egress

    async def render(self, work: Callable[[Tab], Awaitable[T]], proxy: ProxyRules | None = None) -> T:
        """Do this work on a clean tab of one's own. When the tab dies under it, once more on another."""
        try:
            return await self._attempt(work, proxy)
        except TargetGone as error:
            log.warning("a tab was lost during a render, which is tried again: %s", error)
        try:
            return await self._attempt(work, proxy)
        except TargetGone as error:
            raise Overloaded({"type": "browser_crashed", "description": "Chromium crashed twice"}) from error

    async def _attempt(self, work: Callable[[Tab], Awaitable[T]], proxy: ProxyRules | None) -> T:
        async with self._borrowed_slot():
            generation, tab = await self._take(proxy)
            try:
                result = await work(tab)
            except BaseException:
                # Whatever went wrong may go on in there; a new tab is cheaper than finding out.
                tab.spoiled = True
                self._later(self._give_back(generation, tab))
                raise
            # The answer does not wait for the cleaning, but the slot stays taken until it is done.
            self._later(self._give_back(generation, tab))
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

    async def _take(self, proxy: ProxyRules | None) -> tuple[_Generation, Tab]:
        try:
            generation = await self._running()
            generation.lent += 1
            try:
                return generation, await self._tab_of(generation, proxy)
            except BaseException:
                generation.lent -= 1
                self._end_if_left(generation)
                raise
        except (ChromiumMissing, CommandFailed) as error:
            self._slots.release()
            raise Overloaded({"type": "browser_unavailable", "description": str(error)}) from error
        except BaseException:
            self._slots.release()
            raise

    async def _tab_of(self, generation: _Generation, proxy: ProxyRules | None) -> Tab:
        while generation.idle and proxy is None:
            tab = generation.idle.pop()
            if not tab.session.is_gone:
                return tab
        generation.tabs += 1
        if proxy is not None:
            return await self._open_proxied(generation.process, proxy)
        return await Tab.open(generation.process.connection, self._policy, self._shared_egress)

    async def _open_proxied(self, process: ChromiumProcess, proxy: ProxyRules) -> Tab:
        egress = await self._open_egress(proxy)
        try:
            tab = await Tab.open(process.connection, self._policy, egress)
        except BaseException:
            await egress.close()
            raise
        tab.spoiled = True  # nobody else may go that way
        return tab

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give_back(self, generation: _Generation, tab: Tab) -> None:
        try:
            if await clean(tab) and tab.renders < RENDERS_A_TAB:
                generation.idle.append(tab)
            else:
                await tab.close()
        except ChromiumGone:
            pass
        finally:
            if tab.egress is not None and tab.egress is not self._shared_egress:
                await tab.egress.close()
            generation.lent -= 1
            generation.renders += 1
            self._slots.release()
            self._end_if_left(generation)
            if generation is self._newest and generation.is_worn:
                self._later(self.renew())

    async def renew(self) -> None:
        """Start a new Chromium for the renders to come; the old one ends with the last of its own."""
        if self._renewing:
            return
        self._renewing = True
        try:
            async with self._starting:
                old = self._newest
                if old is None or old.is_gone:
                    return
                try:
                    self._newest = _Generation(process=await self._chromium.start())
                except ChromiumMissing as error:
                    log.warning("the old Chromium is kept, for a new one does not start: %s", error)
                    old.renders, old.tabs, old.since = 0, 0, time.monotonic()
                    return
            self._older.add(old)
            self._end_if_left(old)
        finally:
            self._renewing = False

    def _end_if_left(self, generation: _Generation) -> None:
        if generation in self._older and not generation.lent:
            self._later(self._end(generation))

    async def _end(self, generation: _Generation) -> None:
        await generation.process.end()
        self._older.discard(generation)

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        generations = {*self._older, *([self._newest] if self._newest else [])}
        await asyncio.gather(*(generation.process.end() for generation in generations))
        if self._shared_egress is not None:
            await self._shared_egress.close()
