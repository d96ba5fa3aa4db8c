"""A page brought to rest where it is, so that the next render's page can take its place without an empty one between.

An empty page between two renders costs as much as half a light one. What keeps a page from reaching into the next
render without it:

- It is frozen: no timer, no answer, no event gets to it.
- It is emptied, by which its listeners go too, those for its end among them, and what it has asked of the network is
  cancelled.
- A script that runs all the same (a last callback of an element, a few promises that are kept in a frozen page too)
  asks the network in vain, and cannot store anything without our hearing of it (``telltale.js``); then the tab is
  given up. A policy refuses whatever finds another way to the network.
- Its window goes when the next document comes, which is held back in the same way until the old one's place in the
  history is gone.

Pages that have something at work elsewhere (frames, workers, sockets) or have stored anything, if only a name for their
window, are not brought to rest; they are left for an empty page. So is one whose successor is of another site:
Chromium gives that one a window of its own, which nothing holds back.
"""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urldefrag

from renderer.cdp import CommandFailed, Params, Session, TargetGone, answers
from renderer.page_load import storage_origin
from renderer.telltale import AT_REST

RETRIES, RETRY_DELAY = 50, 0.01  # seconds
ANSWER_TIMEOUT = 2.0

_POLICY = "default-src 'none'; form-action 'none'"
# Hidden, so that it need not be laid out.
_EMPTY = f'<html {AT_REST} hidden><head><meta http-equiv="Content-Security-Policy" content="{_POLICY}"></head></html>'


class Standstill:
    """Call ``stop`` after a render, and ``go_on`` when the next document is there."""

    def __init__(self, session: Session, frame_id: str) -> None:
        self._session, self._frame_id = session, frame_id
        self.url = ""  # of the page that was brought to rest
        self._lasting = False
        self._awaits = False
        self._is_replaced = False
        self._disturbed = False

    def feed_frame_attached(self, _event: Params) -> None:
        self.feed_lasting()

    def feed_navigation(self, event: Params) -> None:
        """A document is on its way, of whatever page."""
        if self.holds and (not self._awaits or event["navigationType"].startswith("history")):
            self._disturbed = True

    def feed_lasting(self) -> None:
        """The page has begun something that does not end with it at once."""
        self._lasting = True
        self._disturbed |= self.holds and not self._is_replaced

    def feed_document(self) -> None:
        """There is a new document; what is done from now on is its own doing."""
        self._is_replaced = True

    @property
    def holds(self) -> bool:
        """Whether there is a page at rest, or a new document held in its place."""
        return bool(self.url)

    def can_be_followed_by(self, url: str) -> bool:
        """Whether a page with this URL can take the place of the one at rest."""
        # Another site's gets a window of its own; going to another place of a document would be no navigation.
        return storage_origin(url) == storage_origin(self.url) and urldefrag(url)[0] != urldefrag(self.url)[0]

    def expect_document(self) -> None:
        """The next document is the one that is to take the place."""
        self._awaits = True

    @property
    def is_possible(self) -> bool:
        """Whether this render's pages can be brought to rest."""
        return not self._lasting

    @property
    def is_undisturbed(self) -> bool:
        """Whether the page has done nothing since."""
        return not self._disturbed

    def forget(self) -> None:
        self._lasting = self._disturbed = False

    async def stop(self, url: str) -> None:
        """Bring the page, which has this URL, to rest; nothing of it runs any more.

        Raises:
            CommandFailed, TargetGone: it cannot be; the tab should be closed.
        """
        self.url, self._awaits, self._is_replaced = url, False, False
        session = self._session
        # In the order in which Chromium does it; what its cancelled requests tell the page comes when it is empty.
        frozen = session.send("Page.setWebLifecycleState", {"state": "frozen"})
        emptied = self.empty()
        stopped = session.send("Page.stopLoading")
        await answers(frozen, stopped, emptied)

    def empty(self) -> asyncio.Future[Params]:
        """Put an empty document in place of the page's, by which its listeners go."""
        return self._session.send("Page.setDocumentContent", {"frameId": self._frame_id, "html": _EMPTY})

    async def check(self) -> None:
        """Raise TargetGone if what is at rest keeps its process busy, so that nothing could take its place."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._session.call("Runtime.evaluate", {"expression": "0", "silent": True})
        except (TimeoutError, CommandFailed) as error:
            raise TargetGone("the page of another render does not end") from error

    async def go_on(self) -> None:
        """Let the new document, which is held where the old one was, begin.

        Raises:
            TargetGone: the old page did something after all, or the new one, by a redirect of another site and so not
                held, has turned back to it.
        """
        for _ in range(RETRIES):
            cleared = self._session.send("Page.resetNavigationHistory")
            thawed = self._session.send("Page.setWebLifecycleState", {"state": "active"})
            with contextlib.suppress(CommandFailed):  # one window is just being replaced by the other
                await answers(cleared, thawed)
                break
            await asyncio.sleep(RETRY_DELAY)
        else:
            raise TargetGone("the tab could not be made another's")
        self.url = ""
        if self._disturbed:
            raise TargetGone("something of another render was still at work")
