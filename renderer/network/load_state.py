"""The state of a tab's main document while it loads, from Chromium's events."""

from __future__ import annotations

import asyncio
import functools
from typing import Any
from urllib.parse import urlsplit

from renderer.chromium.cdp import TargetGone
from renderer.errors import PageFailed

Params = dict[str, Any]


class PageLoad:
    """The documents of the main frame in this render, and the origins whose storage they may have used."""

    def __init__(self, frame_id: str) -> None:
        self.frame_id = frame_id
        self._waiting: list[asyncio.Future[None]] = []
        self._lost = False
        self.forget()

    def forget(self) -> None:
        """Reset the state for the next render."""
        self.origins: set[str] = set()  # of all documents
        self.forget_documents()

    def forget_documents(self) -> None:
        """Reset the state within a render; the origins stay, since their storage is not empty."""
        self.loaders: list[str] = []
        # The navigations of the main frame that Chromium has started, by the ids of their documents.
        self.started: list[str] = []
        self.loaded = True
        self.failed_url: str | None = None
        # Chromium stopped reading the document before its end: its response was cut off, or a script stopped it.
        self.stopped_unread = False
        self.cut_off: PageFailed | None = None  # the error, if the response was cut off
        self.url = ""
        self.frames: dict[str, str] = {}  # the origins of the current documents by frame
        self._loading_frames: set[str] = set()
        # By document, the times of its end and of its load event, in seconds of Chromium's clock.
        self.read_at: dict[str, float] = {}
        self.loaded_at: dict[str, float] = {}

    def on_started_navigating(self, event: Params) -> None:
        if event["frameId"] == self.frame_id and not event["navigationType"].endswith(
            ("sameDocument", "SameDocument")
        ):
            self.started.append(event["loaderId"])
            self.wake()

    def on_frame_navigated(self, event: Params) -> None:
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
        self.loaded = self.stopped_unread = False
        self.cut_off = None
        self.failed_url = frame.get("unreachableUrl")
        # For a page that failed to load, Chromium shows an error page of its own.
        self.url = (self.failed_url or frame["url"]) + frame.get("urlFragment", "")
        if self.url == "about:blank":
            self.url = ""  # Splash's value before the first page
        self.wake()

    def on_frame_detached(self, event: Params) -> None:
        self.frames.pop(event["frameId"], None)
        self.on_frame_stopped(event)

    def on_frame_started(self, event: Params) -> None:
        if event["frameId"] != self.frame_id:
            self._loading_frames.add(event["frameId"])

    def on_frame_stopped(self, event: Params) -> None:
        if event["frameId"] == self.frame_id:
            if self.loaders and not self.loaded and self.loaders[-1] not in self.read_at:
                self.stopped_unread = True
                self.wake()
        elif event["frameId"] in self._loading_frames:
            self._loading_frames.discard(event["frameId"])
            self.wake()

    def on_navigated_within_document(self, event: Params) -> None:
        if event["frameId"] == self.frame_id:
            self.url = event["url"]

    def on_content_read(self, event: Params) -> None:
        if self.loaders:
            self.read_at[self.loaders[-1]] = event["timestamp"]

    def on_load_event(self, event: Params) -> None:
        """Note the load event; an empty event stands for a load event that Chromium will not send."""
        self.loaded = True
        if self.loaders and event:
            self.loaded_at[self.loaders[-1]] = event["timestamp"]
        self.wake()

    def on_loss(self, event: Params) -> None:
        """Note that the tab is gone, and raise TargetGone in all calls that wait for it."""
        self._lost = True
        self.wake()

    def wake(self, _: object = None) -> None:
        """Let all calls of ``changed`` return, as at a change. It is also a callback for futures."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def changed(self) -> None:
        """Return at the next new document or load event, or at a ``wake``. So the caller checks what it waits for.

        Raises:
            TargetGone: the tab is gone.
        """
        if not self._lost:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        if self._lost:
            raise TargetGone("the tab was lost while it loaded a page")

    async def committed(self, loader: str) -> None:
        """Return when the tab has this document."""
        while loader not in self.loaders:
            await self.changed()

    async def loaded_since(self, loader: str) -> None:
        """Return when this document, or one that replaced it, has had its load event or was stopped before its end."""
        while not ((self.loaded or self.stopped_unread) and loader in self.loaders):
            await self.changed()

    async def frames_loaded(self) -> None:
        """Return when all frames that load now have loaded; frames that start to load later do not count."""
        awaited = set(self._loading_frames)
        while awaited & self._loading_frames:
            await self.changed()

    @property
    def documents(self) -> int:
        """The number of main documents of this render."""
        return len(self.loaders)

    @property
    def departed_origins(self) -> set[str]:
        """The origins that have no document any more, so that Chromium cannot clear their session storage."""
        return self.origins - set(self.frames.values())


@functools.lru_cache(maxsize=16)  # a render calls this a few times with the same URLs
def storage_origin(url: str) -> str:
    """Return the origin that owns a document's storage; an empty text if the document has no storage."""
    parts = urlsplit(url.removeprefix("blob:"))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
