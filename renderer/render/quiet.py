"""The wait for a quiet network: for pages without an element that shows that they are ready."""

from __future__ import annotations

import asyncio

from renderer.tab.tab import Tab

POLL_SECONDS = 0.02


async def wait_for_quiet(tab: Tab, seconds: float, limit: float) -> str | None:
    """Wait until the page has had no request in flight for so many seconds.

    The requests have to be recorded (``Network.turn_on``). Streams that never end do not count: EventSource, WebSocket.

    Args:
        limit: seconds.

    Return None, or the URL of a request that was in the way until the limit.
    """
    clock = asyncio.get_running_loop().time
    end, quiet_since = clock() + limit, clock()
    seen, last = tab.network.page_requests()
    while True:
        count, url = tab.network.page_requests()
        if url is not None or count != seen:
            seen, quiet_since, last = count, clock(), url or last
        if clock() - quiet_since >= seconds:
            return None
        if clock() >= end:
            return last or tab.load.url
        await asyncio.sleep(POLL_SECONDS)
