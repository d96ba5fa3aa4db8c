"""Where a tab stands in loading its main document. Fed by events; decides nothing else."""

from __future__ import annotations

import asyncio
import functools
from typing import Any
from urllib.parse import urlsplit

from renderer.cdp import TargetGone

Params = dict[str, Any]


class PageLoad:
    """Follows the main frame from document to document, and remembers whose storage was touched."""

    def __init__(self, frame_id: str) -> None:
        self.frame_id = frame_id
        self._change: asyncio.Future[None] | None = None
        self._lost = False
        self.forget()

    def forget(self) -> None:
        """Start anew, for the next render."""
        self.loaders: list[str] = []
        self.loaded = True
        self.failed_url: str | None = None
        self.url = ""
        # Origins that had a document, and those whose document is still there (by frame).
        self.origins: set[str] = set()
        self.frames: dict[str, str] = {}
        self._loading_frames: set[str] = set()
        # By document, when it was read to its end and when its load event came: seconds on Chromium's clock.
        self.read_at: dict[str, float] = {}
        self.loaded_at: dict[str, float] = {}

    def feed_frame_navigated(self, event: Params) -> None:
        frame = event["frame"]
        origin = storage_origin(frame["url"])
        if origin:
            self.origins.add(origin)
        self.frames[frame["id"]] = origin
        if frame.get("parentId") or frame["id"] != self.frame_id:
            return
        self.frames = {frame["id"]: origin}
        self._loading_frames.clear()
        self.loaders.append(frame["loaderId"])
        self.loaded = False
        self.failed_url = frame.get("unreachableUrl")
        self.url = frame["url"] + frame.get("urlFragment", "")
        if self.url == "about:blank":
            self.url = ""  # as Splash says before any page
        self._notify()

    def feed_frame_detached(self, event: Params) -> None:
        self.frames.pop(event["frameId"], None)
        self.feed_frame_stopped(event)

    def feed_frame_started(self, event: Params) -> None:
        if event["frameId"] != self.frame_id:
            self._loading_frames.add(event["frameId"])

    def feed_frame_stopped(self, event: Params) -> None:
        if event["frameId"] in self._loading_frames:
            self._loading_frames.discard(event["frameId"])
            self._notify()

    def feed_navigated_within_document(self, event: Params) -> None:
        if event["frameId"] == self.frame_id:
            self.url = event["url"]

    def feed_content_read(self, event: Params) -> None:
        if self.loaders:
            self.read_at[self.loaders[-1]] = event["timestamp"]

    def feed_load_event(self, event: Params) -> None:
        """The event as Chromium tells of it, or an empty one if none will come."""
        self.loaded = True
        if self.loaders and event:
            self.loaded_at[self.loaders[-1]] = event["timestamp"]
        self._notify()

    def feed_loss(self, event: Params) -> None:
        """The tab is gone; whoever waits for it waits in vain."""
        self._lost = True
        self._notify()

    def _notify(self) -> None:
        if self._change is not None:
            self._change.set_result(None)
            self._change = None

    def next_change(self) -> asyncio.Future[None]:
        """Is done at the next new document or load event. All who wait share it, so it must not be cancelled.

        Raises:
            TargetGone: there will be none.
        """
        if self._lost:
            raise TargetGone("the tab went away while it was loading")
        if self._change is None:
            self._change = asyncio.get_running_loop().create_future()
        return self._change

    async def changed(self) -> None:
        """Return at the next new document or load event."""
        await asyncio.shield(self.next_change())
        if self._lost:
            self.next_change()

    async def committed(self, loader: str) -> None:
        """Return when this document is there."""
        while loader not in self.loaders:
            await self.changed()

    async def loaded_since(self, loader: str) -> None:
        """Return when this document, or one that took its place, has had its load event."""
        while not (self.loaded and loader in self.loaders):
            await self.changed()

    async def frames_loaded(self) -> None:
        """Return when the frames that are loading now are there; later ones do not count."""
        awaited = set(self._loading_frames)
        while awaited & self._loading_frames:
            await self.changed()

    @property
    def documents(self) -> int:
        """How many main documents there were in this render."""
        return len(self.loaders)

    @property
    def departed_origins(self) -> set[str]:
        """Origins that were visited and left again: their session storage is out of reach."""
        return self.origins - set(self.frames.values())


@functools.lru_cache(maxsize=16)  # a render asks a few times for the same ones
def storage_origin(url: str) -> str:
    """The origin that owns a document's storage; empty if it can own none."""
    parts = urlsplit(url.removeprefix("blob:"))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
