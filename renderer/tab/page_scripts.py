"""JavaScript that runs in every document before its own: some of it always, more of it while a render wants it."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

from renderer import telltale
from renderer.cdp import Session

_FOLDER = Path(__file__).parent
# Pages look for this before they use a player. All else of media stays, so that no script of theirs breaks.
HIDE_MEDIA = "delete self.HTMLMediaElement?.prototype.canPlayType;"

STANDING = {
    "telltale": telltale.SCRIPT,
    "refresh": (_FOLDER / "meta_refresh.js").read_text(encoding="utf-8"),
    "keepalive": (_FOLDER / "keepalive.js").read_text(encoding="utf-8"),
    "html5_media": HIDE_MEDIA,
}


class PageScripts:
    """Those in ``STANDING`` run unless a render leaves them out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._left_out: set[str] = set()
        self._standing = (
            ""  # Chromium's identifier of the others, which are one script: that is half of the work
        )
        self._added: set[str] = set()

    async def start(self) -> None:
        """For a new tab, whose first document is there already."""
        await self._stand(at_once=True)

    async def _stand(self, *, at_once: bool = False) -> None:
        standing = [source for name, source in STANDING.items() if name not in self._left_out]
        self._standing = await self._register("\n".join(standing), at_once=at_once)

    async def _register(self, source: str, *, at_once: bool = False) -> str:
        parameters = {"source": source, "runImmediately": at_once}
        answer = await self._session.call("Page.addScriptToEvaluateOnNewDocument", parameters)
        identifier: str = answer["identifier"]
        return identifier

    async def add(self, source: str) -> str:
        """Run this in every coming document of this render; the result is for ``remove``."""
        identifier = await self._register(source)
        self._added.add(identifier)
        return identifier

    async def remove(self, identifier: str) -> None:
        """Leave it out from the next document on."""
        self._added.discard(identifier)
        await self._session.call("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})

    async def leave_out(self, name: str) -> None:
        """The same for one of ``STANDING``, for this render."""
        await self._leave_out(self._left_out | {name})

    async def put_back(self, name: str) -> None:
        """Take ``leave_out`` back."""
        await self._leave_out(self._left_out - {name})

    async def _leave_out(self, names: set[str]) -> None:
        if names == self._left_out:
            return
        before, self._left_out = self._standing, names
        await self._stand()
        await self.remove(before)

    def reset(self) -> list[Awaitable[object]]:
        """As it was before the render, for the documents that come; what is given is to be awaited."""
        added, self._added = self._added, set()
        changes: list[Awaitable[object]] = [self.remove(identifier) for identifier in added]
        return [*changes, self._leave_out(set())] if self._left_out else changes
