"""A page that a tab freezes and empties after a render, so that the next page can replace it directly.

Without this, each tab loads an empty page between two renders, which costs half as much as a light page. A page cannot
reach into the next render, because:

- The tab freezes the page: no timer runs, and no response and no event reaches its scripts.
- The tab replaces the document by an empty one. This removes the page's listeners, also those for the page's end, and
  cancels its requests.
- Some scripts run all the same: the last callback of a custom element, or a few promises that Chromium keeps in a
  frozen page. Their requests stay without a response, and ``page_probe.js`` reports every use of storage; then the
  pool closes the tab. A Content-Security-Policy refuses all other requests.
- The window of the page ends when the next document comes. That document stays frozen too until Chromium has deleted
  the old page from the tab's history.

The tab does not freeze a page that has work elsewhere (frames, workers, sockets), has stored something, even if that is
only a name for its window, or got mouse events: it loads an empty page instead. It does the same before a page of
another site, for which Chromium makes a new window that is not frozen.
"""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urldefrag

from renderer.chromium.cdp import CommandFailed, Params, Session, TargetGone, answers
from renderer.network.load_state import storage_origin
from renderer.tab.page_probe import FROZEN_ATTRIBUTE

RETRIES, RETRY_DELAY = 50, 0.01  # seconds
ANSWER_TIMEOUT = 2.0  # seconds

_POLICY = "default-src 'none'; form-action 'none'"
# The document is hidden so that Chromium does not lay it out.
_EMPTY = (
    f"<html {FROZEN_ATTRIBUTE} hidden><head>"
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"></head></html>'
)


class FrozenPage:
    """Call ``freeze`` after a render, and ``thaw`` when the next document is there."""

    def __init__(self, session: Session, frame_id: str) -> None:
        self._session, self._frame_id = session, frame_id
        self.url = ""  # of the frozen page
        self._has_lasting_work = False
        self._expects_document = False
        self._is_replaced = False
        self._is_disturbed = False
        # Chromium's id of the only entry in the tab's history; None if there may be others.
        self._entry: int | None = None
        self._old_entry: int | None = None  # the id of the frozen page's entry
        self._history_changes = 0
        self._is_settled = False  # the page is frozen, and the history has only its entry

    def on_frame_attached(self, _event: Params) -> None:
        self.on_lasting_work()

    def on_navigation(self, event: Params) -> None:
        """Note that Chromium starts to load a document, of any page."""
        if self.is_frozen and (not self._expects_document or event["navigationType"].startswith("history")):
            self._is_disturbed = True

    def on_lasting_work(self) -> None:
        """Note that the page has started something that may outlive its document."""
        self._has_lasting_work = True
        self._is_disturbed |= self.is_frozen and not self._is_replaced

    def on_document(self) -> None:
        """Note that a new document has replaced the frozen page; what happens next is the new document's work."""
        self._is_disturbed |= self.is_shown and not self._expects_document
        self._is_replaced = True
        self._note_history_change()

    def on_navigation_within_document(self) -> None:
        """Note that the page may have added an entry to the tab's history."""
        self._is_disturbed |= self._is_settled and self.is_shown
        self._note_history_change()

    def _note_history_change(self) -> None:
        self._entry = None
        self._history_changes += 1

    @property
    def is_frozen(self) -> bool:
        """Whether the tab has a frozen page, or a new document that is frozen in its place."""
        return bool(self.url)

    @property
    def is_shown(self) -> bool:
        """Whether the tab still shows the frozen page. Events of a new document may come before it is thawed."""
        return bool(self.url) and not self._is_replaced

    def can_be_followed_by(self, url: str) -> bool:
        """Return whether a page with this URL can replace the frozen page directly."""
        # Chromium makes a new window for another site. A URL that differs only in its fragment loads no document.
        return storage_origin(url) == storage_origin(self.url) and urldefrag(url)[0] != urldefrag(self.url)[0]

    def expect_document(self) -> None:
        """Accept the next document as the one that replaces the frozen page."""
        self._expects_document = True

    @property
    def can_freeze(self) -> bool:
        """Whether the tab can freeze the pages of this render."""
        return not self._has_lasting_work

    @property
    def is_undisturbed(self) -> bool:
        """Whether the page has done nothing since the tab froze it."""
        return not self._is_disturbed

    def forget(self) -> None:
        """Forget the work of this render's pages."""
        self._has_lasting_work = self._is_disturbed = False

    async def freeze(self, url: str) -> None:
        """Freeze and empty the page, which has this URL; none of its scripts runs any more.

        Raises:
            CommandFailed, TargetGone: Chromium cannot freeze the page; the caller must close the tab.
        """
        self.url, self._expects_document = url, False
        self._is_replaced = self._is_settled = False
        session = self._session
        # The order matters: Chromium cancels the requests last, when the page has no scripts that could notice it.
        frozen = session.send("Page.setWebLifecycleState", {"state": "frozen"})
        emptied = self.empty()
        stopped = session.send("Page.stopLoading")
        await answers(frozen, stopped, emptied)

    def empty(self) -> asyncio.Future[Params]:
        """Replace the page's document by an empty one, which removes the page's listeners."""
        return self._session.send("Page.setDocumentContent", {"frameId": self._frame_id, "html": _EMPTY})

    async def clear_history(self) -> None:
        """Remove all entries but the frozen page's own from the tab's history; the page counts as disturbed if not.

        ``thaw`` removes that one too. But a redirect may lead to another site, whose document runs before ``thaw``.
        """
        if self._entry is None:
            with contextlib.suppress(CommandFailed):
                await self._reset_history()
        self._is_settled = True
        self._old_entry = self._entry
        self._is_disturbed |= self._entry is None

    async def _reset_history(self) -> set[int]:
        """Remove all entries but the newest from the tab's history; return the ids of those that are there then."""
        changes = self._history_changes
        reset = self._session.send("Page.resetNavigationHistory")
        _, history = await answers(reset, self._session.send("Page.getNavigationHistory"))
        entries = {entry["id"] for entry in history["entries"]}
        if len(entries) == 1 and changes == self._history_changes:
            self._entry = next(iter(entries))
        return entries

    async def check(self) -> None:
        """Raise TargetGone if the frozen page keeps its process busy, so that no document can replace it."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._session.call("Runtime.evaluate", {"expression": "0", "silent": True})
        except (TimeoutError, CommandFailed) as error:
            raise TargetGone("the page of the render before does not end") from error

    async def thaw(self) -> None:
        """Let the new document run, which is frozen in the place of the old page.

        Raises:
            TargetGone: the old page did something although it was frozen. Or the new page, which a redirect of another
                site has loaded and Chromium has therefore not frozen, has gone back to the old one.
        """
        for _ in range(RETRIES):
            with contextlib.suppress(CommandFailed):  # Chromium is replacing one window by the other
                # Chromium may report the new document before it has added its entry. Then the old page's entry is the
                # newest, and stays: the new document could read its URL and go back to it.
                if self._old_entry not in await self._reset_history():
                    await self._session.call("Page.setWebLifecycleState", {"state": "active"})
                    break
            await asyncio.sleep(RETRY_DELAY)
        else:
            raise TargetGone("Chromium did not clear the tab's history for the next render")
        self.url = ""
        if self._is_disturbed:
            raise TargetGone("the page of the render before was still running")
