"""The drawing of a tab, which is off for most pages: drawing is half of Chromium's work for a page.

A tab that is not drawn does everything at full speed that does not wait for a frame. Chromium starts to draw it when:

- the page uses functions that need frames (animation frames, observers),
- the render needs a screenshot or the mouse, or waits for ``LONG_WAIT`` seconds or longer,
- the load event was ``FROM_LOAD`` seconds ago. This is for features that wait for frames without a signal to the
  renderer: lazy images, the ends of CSS animations.

Drawing does not start before Chromium has read the document to its end, unless that takes longer than ``FROM_UNREAD``.
Each frame lays out the text that has come since the frame before: with one frame a second, a text of 12 MB takes half a
minute in all.
"""

from __future__ import annotations

import asyncio
import contextlib

from renderer.chromium.cdp import CommandFailed, Params, Session

# Seconds after the start of a document, and after its load event, until drawing starts without a request for it.
FROM_DOCUMENT, FROM_LOAD = 1.0, 0.4
# Seconds after the start of a document until drawing starts although Chromium still reads the document.
FROM_UNREAD = 10.0
# Seconds. A wait of at least this long gives the page time to show something, so the page is drawn.
LONG_WAIT = 0.1
FRAME_TIMEOUT = 1.0  # seconds

_NEXT_FRAME = "new Promise(drawn => requestAnimationFrame(() => drawn()))"


class Drawing:
    """The drawing of one tab. Call ``stop`` once for a new tab, and ``forget`` between renders."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._timer: asyncio.TimerHandle | None = None
        self._starts_at: float | None = None  # the time at which drawing starts without a request for it
        self._starts_when_read = False
        self._ends_at_load = False
        self._document_at = 0.0
        self.is_on = True
        self.has_mouse = False  # the render has used the mouse, whose place Chromium keeps

    async def stop(self) -> None:
        """Stop drawing the new tab, until ``start``."""
        # To freeze a tab is the only way to hide it; the second command thaws it at once.
        await self._session.call("Page.setWebLifecycleState", {"state": "frozen"})
        await self._session.call("Page.setWebLifecycleState", {"state": "active"})
        self.is_on = False

    def start(self) -> None:
        """Draw the page from now on, until the end of the render."""
        self._starts_at = None
        if not self.is_on:
            self.is_on = True
            self._turn(True)

    def start_when_read(self) -> None:
        """Draw the next page as soon as Chromium has read it to its end."""
        self._starts_when_read = True

    def leave_off_at_load(self) -> None:
        """Do not start drawing after the load event: the render ends at that event."""
        self._ends_at_load = True

    async def show_frame(self) -> None:
        """Return when the page is drawn: mouse events reach only a drawn page."""
        self.has_mouse = True
        if self.is_on:
            return
        self.start()
        parameters: Params = {"expression": _NEXT_FRAME, "awaitPromise": True}
        # The page may hang, or Chromium may replace it at this time.
        with contextlib.suppress(TimeoutError, CommandFailed):
            async with asyncio.timeout(FRAME_TIMEOUT):
                await self._session.call("Runtime.evaluate", parameters)

    def on_document(self) -> None:
        """Note that the tab has a new document, which Chromium starts to read."""
        self._document_at = _now()
        self._starts_at = None
        self._start_at(self._document_at + FROM_UNREAD)

    def on_content_read(self) -> None:
        """Note that Chromium has read the document to its end."""
        if self._starts_when_read:
            self.start()
        self._starts_at = None
        self._start_at(max(self._document_at + FROM_DOCUMENT, _now() + FROM_LOAD))

    def on_load_event(self) -> None:
        if self._ends_at_load:
            self._starts_at = None
        else:
            self._start_at(_now() + FROM_LOAD)

    def _start_at(self, when: float) -> None:
        if self.is_on or (self._starts_at is not None and self._starts_at <= when):
            return
        self._starts_at = when
        if self._timer is not None and self._timer.when() > when:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        # The timer stays when the time changes or the render ends, and it is soon. So most pages need no timer of their
        # own: a light page takes 20 ms, and changes its time twice.
        assert self._starts_at is not None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(min(self._starts_at, loop.time() + FROM_LOAD), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._starts_at is None:
            return
        if self._starts_at <= _now():
            self.start()
        else:
            self._set_timer()

    def forget(self) -> None:
        """As it was before the render."""
        self._starts_at = None
        self._starts_when_read = self._ends_at_load = self.has_mouse = False
        if self.is_on:
            self.is_on = False
            self._turn(False)

    def _turn(self, on: bool) -> None:
        # Chromium draws a hidden tab while it emulates that the tab has the focus.
        self._session.send("Emulation.setFocusEmulationEnabled", {"enabled": on})


def _now() -> float:
    return asyncio.get_running_loop().time()
