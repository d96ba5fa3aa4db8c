"""JavaScript that runs in every document before the document's own scripts: standing scripts, and those of a render."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

from renderer.chromium.cdp import Session
from renderer.tab import page_probe as probe

_FOLDER = Path(__file__).parent
# Pages look for this function before they use a player. The rest of the media API stays, so that no script breaks.
HIDE_MEDIA = "delete self.HTMLMediaElement?.prototype.canPlayType;"

STANDING = {
    "probe": probe.SCRIPT,
    "refresh": (_FOLDER / "meta_refresh.js").read_text(encoding="utf-8"),
    "keepalive": (_FOLDER / "keepalive.js").read_text(encoding="utf-8"),
    "html5_media": HIDE_MEDIA,
}


class PageScripts:
    """The scripts of one tab: those in ``STANDING`` unless a render leaves them out, and those that a render adds."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._left_out: set[str] = set()
        # Chromium's identifier of the standing scripts. They are one script, which takes Chromium half the time.
        self._standing = ""
        self._added: set[str] = set()

    async def start(self) -> None:
        """Register the standing scripts in a new tab, and run them in its first document, which is there already."""
        await self._register_standing(at_once=True)

    async def _register_standing(self, *, at_once: bool = False) -> None:
        standing = [source for name, source in STANDING.items() if name not in self._left_out]
        self._standing = await self._register("\n".join(standing), at_once=at_once)

    async def _register(self, source: str, *, at_once: bool = False) -> str:
        parameters = {"source": source, "runImmediately": at_once}
        answer = await self._session.call("Page.addScriptToEvaluateOnNewDocument", parameters)
        identifier: str = answer["identifier"]
        return identifier

    async def add(self, source: str) -> str:
        """Run this script in every later document of this render; return an identifier for ``remove``."""
        identifier = await self._register(source)
        self._added.add(identifier)
        return identifier

    async def remove(self, identifier: str) -> None:
        """Stop running the script, from the next document on."""
        self._added.discard(identifier)
        await self._session.call("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})

    async def leave_out(self, name: str) -> None:
        """Do not run this script of ``STANDING`` in the later documents of this render."""
        await self._set_left_out(self._left_out | {name})

    async def put_back(self, name: str) -> None:
        """Undo ``leave_out``."""
        await self._set_left_out(self._left_out - {name})

    async def _set_left_out(self, names: set[str]) -> None:
        if names == self._left_out:
            return
        before, self._left_out = self._standing, names
        await self._register_standing()
        await self.remove(before)

    def reset(self) -> list[Awaitable[object]]:
        """Undo the changes of this render for later documents; return awaitables that the caller must await."""
        added, self._added = self._added, set()
        changes: list[Awaitable[object]] = [self.remove(identifier) for identifier in added]
        return [*changes, self._set_left_out(set())] if self._left_out else changes
