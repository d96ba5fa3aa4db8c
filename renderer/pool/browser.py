"""Chromium and its pool of tabs: it lends and cleans tabs, and replaces a Chromium that crashed or is too old."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TypeVar

from renderer.chromium.cdp import ChromiumGone, CommandFailed, TabCrashed, TargetGone
from renderer.chromium.disk_space import DiskSpaceLog, disk_space_fault
from renderer.chromium.process import Chromium, ChromiumMissing
from renderer.chromium.watchdog import Watchdog
from renderer.egress.proxy_profiles import ProxyRules
from renderer.egress.proxy_server import Egress
from renderer.errors import Overloaded, RenderError
from renderer.pool.browser_instance import BrowserInstance
from renderer.pool.idle_memory import IdleMemory
from renderer.tab.cleaning import clean
from renderer.tab.policy import TabPolicy
from renderer.tab.tab import Tab

log = logging.getLogger(__name__)

T = TypeVar("T")

# A tab's memory grows by some 10 KB with every render, and by more with every new site; a new tab costs 70 ms.
MAX_RENDERS_PER_TAB = 500
QUEUE_PER_SLOT = 32
EXPLANATION_TIMEOUT = 0.5  # seconds
# Seconds. A Chromium that exits before this age is started again only when a render needs it.
SHORT_LIFE = 10.0
PING_TIMEOUT = 3.0  # seconds
PAGE_CRASHES = {
    "type": "Page",
    "code": 0,
    "text": "The page crashed two tabs of Chromium. Perhaps it is nested too deeply, or needs too much memory",
    "url": "",
}


async def _nothing(_: Tab) -> None:
    pass


class Browser:
    """The browser: the current Chromium, those before it that still render, and the queue for their tabs.

    There are two current ones if some renders need images and others do not: a Chromium without images costs a third
    less than one that asks the renderer about each request of a page. Each starts with its first render.

    Call ``start`` once, ``render`` for every request, and ``end`` at the end.
    """

    def __init__(self, chromium: Chromium, slots: int, policy: TabPolicy | None = None) -> None:
        self._chromium = chromium
        self._policy = policy or TabPolicy()
        self._shared_egress: Egress | None = None
        self.slots = slots  # how many tabs render at the same time
        self._slots = asyncio.Semaphore(slots)
        self._max_queue = slots * QUEUE_PER_SLOT
        self._newest: dict[bool, BrowserInstance] = {}  # by whether it loads images
        self._older: set[BrowserInstance] = set()
        self._starting: dict[bool, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: set[bool] = set()
        self.queued = 0
        self.active = 0
        self._memory = IdleMemory()
        self._disk_space_log = DiskSpaceLog()
        self.losses = 0  # number of Chromium processes that crashed, or hung and were killed

    @property
    def pids(self) -> list[int]:
        """The ids of the processes of the current Chromiums; empty before the start."""
        return [instance.process.pid for instance in self._newest.values()]

    @property
    def product(self) -> str | None:
        """Chromium's name and version, as NAME/VERSION; None before the start."""
        return next((one.process.connection.product for one in self._newest.values()), None) or None

    async def start(self) -> None:
        """Start the first Chromium and open a tab; raise ChromiumMissing if that fails."""
        if self._policy.reach.public_only:
            self._shared_egress = await self._open_egress(None)
        images = self._chromium.loads_images
        await self._running(images)
        try:
            await self.render(_nothing, images=images)  # so that the first client does not wait for a tab
        except Overloaded as error:
            raise ChromiumMissing(f"{self._chromium.program} starts, but cannot open a tab") from error

    # -- Chromium

    async def _running(self, images: bool) -> BrowserInstance:
        instance = self._newest.get(images)
        if instance is None or instance.is_gone:
            await asyncio.shield(self._replacement(images))
        return self._newest[images]

    def _replacement(self, images: bool) -> asyncio.Task[None]:
        """Return the task that starts a new Chromium; all callers share it, and it runs to its end if they are gone."""
        starting = self._starting.get(images)
        if starting is None or starting.done():
            starting = self._starting[images] = self._run_in_background(self._replace(images))
        return starting

    async def _replace(self, images: bool) -> None:
        old = self._newest.get(images)
        if old is not None and old.is_gone:
            log.warning("Chromium exited unexpectedly, and the renderer starts it again")
            await old.process.end()
        process = await replace(self._chromium, loads_images=images).start()
        instance = BrowserInstance(process=process, loads_images=images)
        instance.watchdog = Watchdog(
            process.pid,
            process.connection,
            lambda: instance.lent > 0,
            process.kill,
        )
        process.connection.browser.on("gone", lambda _: self._on_exit(instance))
        self._newest[images] = instance

    def _on_exit(self, instance: BrowserInstance) -> None:
        """Count a Chromium that exited unexpectedly, and start another one."""
        if instance.is_ending:
            return
        self.losses += 1
        if instance in self._older:
            self._end_if_unused(instance)
        elif time.monotonic() - instance.since > SHORT_LIFE:
            self._run_in_background(self._restart(instance.loads_images))

    async def _restart(self, images: bool) -> None:
        with contextlib.suppress(ChromiumMissing):  # the next render tries it again
            await self._running(images)

    async def is_healthy(self) -> bool:
        """Return whether Chromium runs and answers; start it first if it has exited."""
        if disk_space_fault():
            return False
        try:
            async with asyncio.timeout(PING_TIMEOUT):
                used = list(self._newest) or [self._chromium.loads_images]
                instances = [await self._running(images) for images in used]
        except (ChromiumMissing, TimeoutError):
            return False
        return all([await instance.watchdog.answers() for instance in instances])

    async def may_explain_timeout(self, losses: int) -> bool:
        """Return whether Chromium, and not the page, may be the cause of a render's timeout.

        ``losses`` is the number of lost Chromium processes when the render began.

        Raises:
            Overloaded: TMPDIR has no space for Chromium's files.
        """
        self._check_disk_space()
        newest = self._newest.values()
        if self.losses != losses or not newest or any(instance.is_gone for instance in newest):
            return True
        # The answer is late already. A slow read of /proc must not delay it much more.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXPLANATION_TIMEOUT):
                return any([await one.watchdog.may_hang() for one in (*newest, *self._older)])
        return False

    async def _open_egress(self, proxy: ProxyRules | None) -> Egress:
        egress = Egress(proxy, self._policy.reach)
        await egress.open()
        return egress

    async def render(
        self, work: Callable[[Tab], Awaitable[T]], proxy: ProxyRules | None = None, *, images: bool = True
    ) -> T:
        """Run this work on a clean tab and return its result; if the tab crashes, run it once more on another tab.

        Args:
            images: whether the Chromium of the tab loads images.

        Raises:
            Overloaded: the renderer cannot do the work now: the queue is full, Chromium does not start or has crashed
                twice, or TMPDIR is full.
            RenderError: the page crashed both tabs.
        """
        self._check_disk_space()
        try:
            return await self._attempt(work, proxy, images)
        except TargetGone as error:
            log.warning("a render lost its tab, and the renderer repeats it in another tab: %s", error)
            first = error
        try:
            return await self._attempt(work, proxy, images)
        except TargetGone as error:
            self._check_disk_space()
            if isinstance(error, TabCrashed) and isinstance(first, TabCrashed):
                raise RenderError(PAGE_CRASHES) from error
            raise Overloaded({"type": "browser_crashed", "description": "Chromium crashed twice"}) from error

    def _check_disk_space(self) -> None:
        if fault := disk_space_fault():
            self._disk_space_log.report(fault)
            raise Overloaded({"type": "no_room", "description": fault})

    async def _attempt(
        self, work: Callable[[Tab], Awaitable[T]], proxy: ProxyRules | None, images: bool
    ) -> T:
        async with self._borrowed_slot():
            taken = self._borrow_idle_tab(proxy, images) or await self._borrow_new_tab(proxy, images)
            instance, tab = taken
            instance.watchdog.wake()
            try:
                result = await work(tab)
            except BaseException as error:
                # Something of the render may still run in the tab. A new tab is cheaper than to find that out.
                tab.must_discard = True
                self._run_in_background(self._return_tab(instance, tab))
                if isinstance(error, TargetGone) and tab.has_crashed:
                    raise TabCrashed(*error.args) from error
                raise
            # The answer does not wait for the cleaning, but the slot stays occupied until the cleaning is done.
            self._run_in_background(self._return_tab(instance, tab))
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
        self._memory.begin_render()
        try:
            yield
        finally:
            self.active -= 1
            if not self.active:
                self._memory.end_renders()

    def _borrow_idle_tab(self, proxy: ProxyRules | None, images: bool) -> tuple[BrowserInstance, Tab] | None:
        """Return a tab that is open already; None if there is none, or if the render has a proxy."""
        instance = self._newest.get(images)
        if instance is None or instance.is_gone or proxy is not None:
            return None
        while instance.idle:
            tab = instance.idle.pop()
            if not tab.session.is_gone:
                instance.lent += 1
                return instance, tab
            self._run_in_background(
                tab.close()
            )  # the idle tab has crashed, and its browser context is still open
        return None

    async def _borrow_new_tab(self, proxy: ProxyRules | None, images: bool) -> tuple[BrowserInstance, Tab]:
        """Open a tab. If the client disconnects in the meantime, the tab goes to the pool when it is open."""
        opening = asyncio.ensure_future(self._open_tab(proxy, images))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._run_in_background(self._return_new_tab(opening))
            raise

    async def _return_new_tab(self, opening: asyncio.Future[tuple[BrowserInstance, Tab]]) -> None:
        with contextlib.suppress(Overloaded, TargetGone):
            await self._return_tab(*await opening)

    async def _open_tab(self, proxy: ProxyRules | None, images: bool) -> tuple[BrowserInstance, Tab]:
        try:
            instance = await self._running(images)
            instance.lent += 1
            instance.watchdog.wake()
            try:
                return instance, await self._open_tab_in(instance, proxy)
            except BaseException:
                instance.lent -= 1
                self._end_if_unused(instance)
                raise
        except (ChromiumMissing, CommandFailed) as error:
            self._slots.release()
            raise Overloaded({"type": "browser_unavailable", "description": str(error)}) from error
        except BaseException:
            self._slots.release()
            raise

    async def _open_tab_in(self, instance: BrowserInstance, proxy: ProxyRules | None) -> Tab:
        instance.tabs += 1
        if proxy is not None:
            return await self._open_proxied(instance, proxy)
        return await self._open(instance, self._shared_egress)

    async def _open(self, instance: BrowserInstance, egress: Egress | None) -> Tab:
        connection, images = instance.process.connection, instance.loads_images
        return await Tab.open(connection, self._policy, egress, loads_images=images)

    async def _open_proxied(self, instance: BrowserInstance, proxy: ProxyRules) -> Tab:
        egress = await self._open_egress(proxy)
        try:
            tab = await self._open(instance, egress)
        except BaseException:
            await egress.close()
            raise
        tab.must_discard = True  # no other render may use this proxy
        return tab

    def _run_in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _return_tab(self, instance: BrowserInstance, tab: Tab) -> None:
        try:
            if await clean(tab) and tab.renders < MAX_RENDERS_PER_TAB:
                instance.idle.append(tab)
            else:
                await tab.close()
        except ChromiumGone:
            pass
        finally:
            if tab.egress is not None and tab.egress is not self._shared_egress:
                await tab.egress.close()
            instance.lent -= 1
            instance.renders += 1
            self._slots.release()
            self._end_if_unused(instance)
            if instance is self._newest.get(instance.loads_images) and instance.needs_replacement:
                self._run_in_background(self._renew(instance.loads_images))

    async def renew(self) -> None:
        """Replace each current Chromium for later renders; the old ones end after their last renders."""
        for images in list(self._newest):
            await self._renew(images)

    async def _renew(self, images: bool) -> None:
        if images in self._renewing:
            return
        self._renewing.add(images)
        try:
            old = self._newest.get(images)
            if old is None or old.is_gone:
                return
            try:
                await asyncio.shield(self._replacement(images))
            except ChromiumMissing as error:
                log.warning("a new Chromium does not start, and the renderer keeps the old one: %s", error)
                old.renders, old.tabs, old.since = 0, 0, time.monotonic()
                return
            self._older.add(old)
            self._end_if_unused(old)
        finally:
            self._renewing.discard(images)

    def _end_if_unused(self, instance: BrowserInstance) -> None:
        if instance in self._older and not instance.lent:
            self._run_in_background(self._end(instance))

    async def _end(self, instance: BrowserInstance) -> None:
        instance.is_ending = True
        instance.watchdog.stop()
        await instance.process.end()
        self._older.discard(instance)

    async def end(self) -> None:
        """Cancel all tasks of the pool, and end all Chromium processes."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        instances = {*self._older, *self._newest.values()}
        await asyncio.gather(*(self._end(instance) for instance in instances))
        if self._shared_egress is not None:
            await self._shared_egress.close()
