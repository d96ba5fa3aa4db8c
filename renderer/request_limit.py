"""``resource_timeout``: requests that take too long are aborted, so that the page goes on without them."""

from __future__ import annotations

import asyncio
import contextlib
import time

from renderer.cdp import CommandFailed, Session, TargetGone
from renderer.network import Network
from renderer.page_load import PageLoad

INTERVAL = 0.05


class RequestLimit:
    """Chromium cannot abort a single request, but it can stop all of a page: done when only slow ones are left."""

    def __init__(self, session: Session, network: Network, load: PageLoad) -> None:
        self._session, self._network, self._load = session, network, load
        self._task: asyncio.Task[None] | None = None

    def set(self, seconds: float) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if seconds > 0:
            self._task = asyncio.create_task(self._watch(seconds))

    async def _watch(self, seconds: float) -> None:
        with contextlib.suppress(TargetGone, CommandFailed):
            while True:
                await asyncio.sleep(min(INTERVAL, seconds))
                slow = self._network.slow(time.time(), seconds)
                if slow and len(slow) == self._network.in_flight():
                    self._network.give_up(slow)
                    await self._session.call("Page.stopLoading")
                    # A page that was stopped may never fire its load event.
                    self._load.feed_load_event({})
