"""JavaScript that runs in every document before its own: some of it always, more of it while a render wants it."""

from __future__ import annotations

import asyncio
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
        self._standing: dict[str, str] = {}  # name -> Chromium's identifier
        self._added: set[str] = set()

    async def start(self) -> None:
        """For a new tab, whose first document is there already."""
        await asyncio.gather(*(self._stand(name, at_once=True) for name in STANDING))

    async def _stand(self, name: str, *, at_once: bool = False) -> None:
        self._standing[name] = await self._register(STANDING[name], at_once=at_once)

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
        if identifier := self._standing.pop(name, None):
            await self.remove(identifier)

    async def put_back(self, name: str) -> None:
        """Take ``leave_out`` back."""
        if name not in self._standing:
            await self._stand(name)

    async def reset(self) -> None:
        """As it was before the render, for the documents that come."""
        added, self._added = self._added, set()
        missing = [name for name in STANDING if name not in self._standing]
        await asyncio.gather(*map(self.remove, added), *map(self._stand, missing))
