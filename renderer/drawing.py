"""Whether a tab is drawn. Most pages need not be: that is half of what Chromium does for them.

A tab that is not drawn does all that does not wait for a frame, at full speed. It is drawn from the moment that its
page asks for what frames bring (animation frames, observers), a picture or the mouse is wanted, or somebody gives the
page time; and at the latest a moment after its load event, for what asks without our noticing: lazy images, the ends
of CSS animations.
"""

from __future__ import annotations

import asyncio
import contextlib

from renderer.cdp import CommandFailed, Params, Session

# Seconds from a document, and from its load event, until it is drawn without being asked.
FROM_DOCUMENT, FROM_LOAD = 1.0, 0.4
# A wait of so many seconds gives the page time to show something.
LONG_WAIT = 0.1
FRAME_TIMEOUT = 1.0

_NEXT_FRAME = "new Promise(drawn => requestAnimationFrame(() => drawn()))"


class Drawing:
    """Call ``stop`` once for a new tab, and ``forget`` between renders."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._timer: asyncio.TimerHandle | None = None
        self.is_on = True

    async def stop(self) -> None:
        """Draw the new tab no longer, until ``start``."""
        # The only way to hide a tab; what it freezes is thawed at once.
        await self._session.call("Page.setWebLifecycleState", {"state": "frozen"})
        await self._session.call("Page.setWebLifecycleState", {"state": "active"})
        self.is_on = False

    def start(self) -> None:
        """Draw the page from now on, until the render is over."""
        self._cancel_timer()
        if not self.is_on:
            self.is_on = True
            self._turn(True)

    async def show_frame(self) -> None:
        """Return when the page is drawn, for what reaches only a drawn page: the mouse."""
        if self.is_on:
            return
        self.start()
        parameters: Params = {"expression": _NEXT_FRAME, "awaitPromise": True}
        with contextlib.suppress(TimeoutError, CommandFailed):  # a page that hangs, or that is just replaced
            async with asyncio.timeout(FRAME_TIMEOUT):
                await self._session.call("Runtime.evaluate", parameters)

    def feed_document(self) -> None:
        """There is a new document in the tab."""
        self._start_in(FROM_DOCUMENT)

    def feed_load_event(self) -> None:
        self._start_in(FROM_LOAD)

    def _start_in(self, seconds: float) -> None:
        if self.is_on:
            return
        when = asyncio.get_running_loop().time() + seconds
        if self._timer is None or self._timer.when() > when:
            self._cancel_timer()
            self._timer = asyncio.get_running_loop().call_at(when, self.start)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def forget(self) -> None:
        """As it was before the render."""
        self._cancel_timer()
        if self.is_on:
            self.is_on = False
            self._turn(False)

    def _turn(self, on: bool) -> None:
        # Chromium draws a hidden tab while it pretends to it that it has the focus.
        self._session.send("Emulation.setFocusEmulationEnabled", {"enabled": on})
