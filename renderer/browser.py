"""One Chromium and its pool of tabs: lends and cleans them, and starts Chromium again after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from renderer.cdp import ChromiumGone, CommandFailed, TargetGone
from renderer.chromium import Chromium, ChromiumMissing, ChromiumProcess, make_profile, remove_profile
from renderer.egress import Egress
from renderer.errors import Overloaded
from renderer.proxy import ProxyRules
from renderer.tab import Tab, TabPolicy

log = logging.getLogger(__name__)

T = TypeVar("T")

# A tab collects memory with every site it sees; this many renders is often enough to keep it small and seldom
# enough to cost nothing.
RENDERS_A_TAB = 200
QUEUE_PER_SLOT = 32


class Browser:
    """Call ``start`` once, ``render`` for every request, ``end`` at last."""

    def __init__(
        self, chromium: Chromium, slots: int, policy: TabPolicy | None = None, *, public_only: bool = False
    ) -> None:
        self._chromium = chromium
        self._policy = policy or TabPolicy()
        self._public_only = public_only
        self._shared_egress: Egress | None = None
        self._slot_count = slots
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
        if self._public_only:
            self._shared_egress = await self._open_egress(None)
        process = await self._running()
        # The first client should not have to wait for it.
        self._idle.append(await Tab.open(process.connection, self._policy, self._shared_egress))
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

    async def _open_egress(self, proxy: ProxyRules | None) -> Egress:
        egress = Egress(proxy, public_only=self._public_only, blocked_port=self._chromium.blocked_port)
        await egress.open()
        return egress

    async def render(self, work: Callable[[Tab], Awaitable[T]], proxy: ProxyRules | None = None) -> T:
        """Do this work on a clean tab of one's own. When the tab dies under it, once more on another."""
        try:
            return await self._attempt(work, proxy)
        except TargetGone:
            log.warning("a tab died during a render, which is tried again")
        try:
            return await self._attempt(work, proxy)
        except TargetGone as error:
            raise Overloaded({"type": "browser_crashed", "description": "Chromium crashed twice"}) from error

    async def _attempt(self, work: Callable[[Tab], Awaitable[T]], proxy: ProxyRules | None) -> T:
        async with self._borrowed_slot():
            tab = await self._take(proxy)
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

    async def _take(self, proxy: ProxyRules | None) -> Tab:
        try:
            process = await self._running()
            if proxy is not None:
                return await self._open_proxied(process, proxy)
            while self._idle:
                tab = self._idle.pop()
                if not tab.session.is_gone:
                    return tab
            return await Tab.open(process.connection, self._policy, self._shared_egress)
        except (ChromiumMissing, CommandFailed) as error:
            self._slots.release()
            raise Overloaded({"type": "browser_unavailable", "description": str(error)}) from error
        except BaseException:
            self._slots.release()
            raise

    async def _open_proxied(self, process: ChromiumProcess, proxy: ProxyRules) -> Tab:
        egress = await self._open_egress(proxy)
        try:
            tab = await Tab.open(process.connection, self._policy, egress)
        except BaseException:
            await egress.close()
            raise
        tab.spoiled = True  # nobody else may go that way
        return tab

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
            if tab.egress is not None and tab.egress is not self._shared_egress:
                await tab.egress.close()
            self._slots.release()

    async def renew(self) -> None:
        """Start Chromium anew between renders: those under way are finished first, later ones wait."""
        taken = 0
        try:
            while taken < self._slot_count:
                await self._slots.acquire()
                taken += 1
            if self._process is not None:
                await self._process.end()
                self._process = None
            await self._running()
        finally:
            for _ in range(taken):
                self._slots.release()

    async def end(self) -> None:
        for task in self._cleaning:
            task.cancel()
        if self._process is not None:
            await self._process.end()
        if self._shared_egress is not None:
            await self._shared_egress.close()
        remove_profile(self._profile)
