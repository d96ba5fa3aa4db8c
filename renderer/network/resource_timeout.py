"""``resource_timeout``: the renderer aborts a request that takes too long, and the page loads without it."""

from __future__ import annotations

import asyncio
import contextlib
import time

from renderer.chromium.cdp import CommandFailed, Session, TargetGone
from renderer.network.exchanges import Network
from renderer.network.load_state import PageLoad

INTERVAL = 0.05  # seconds between two checks


class RequestLimit:
    """The time limit for each request of the page.

    Chromium cannot abort a single request that has left. So the renderer makes the requests of a page with a limit
    itself (``own_requests.py``). Two kinds stay with Chromium: the request of the page itself, and requests with a body
    that Chromium does not return. This class checks these: it stops the page if the page's own request takes too long,
    or if only such requests are left and all of them take too long.
    """

    def __init__(self, session: Session, network: Network, load: PageLoad) -> None:
        self._session, self._network, self._load = session, network, load
        self._task: asyncio.Task[None] | None = None
        self._left_out: set[str] = set()
        self.seconds = 0.0  # 0 for no limit

    def set(self, seconds: float) -> None:
        """Set the limit in seconds; 0 removes it."""
        self.seconds = seconds
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if seconds > 0:
            self._task = asyncio.create_task(self._watch(seconds))

    def leave_out(self, request_id: str) -> None:
        """Do not check this request: the renderer makes it itself, with a timeout."""
        self._left_out.add(request_id)

    def forget(self) -> None:
        self.set(0)
        self._left_out.clear()

    async def _watch(self, seconds: float) -> None:
        with contextlib.suppress(TargetGone, CommandFailed):
            while True:
                await asyncio.sleep(min(INTERVAL, seconds))
                slow = [
                    exchange
                    for exchange in self._network.slow(time.time(), seconds)
                    if exchange.request_id not in self._left_out
                ]
                if not slow:
                    continue
                if len(slow) == self._network.in_flight() or any(map(self._network.is_main_document, slow)):
                    self._network.give_up(slow)
                    await self._session.call("Page.stopLoading")
                    # Chromium may never fire the load event of a page that it stopped.
                    self._load.on_load_event({})
