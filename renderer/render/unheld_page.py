"""A page that loads although its redirects are not held, because most pages do not navigate by themselves.

A render without ``wait`` returns the page that had the load event, and a script sees its page navigate only while it
waits. To hold redirects, Chromium pauses all documents and reports all requests: 29 % of a light page's CPU.
So such a page first loads without that. If it navigates by itself, it is loaded once more, with its redirects held.
Up to then it was only requested, with GET.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from renderer.errors import CutOff, PageFailed
from renderer.network.load_state import storage_origin
from renderer.tab.tab import Tab

MAX_SITES = 1000
HELD_LOADS = 100  # so many pages of a site are loaded with their redirects held, before one is loaded without
NO_REQUEST = 301  # the code of a failure for which Chromium has sent no request


class PageNavigated(Exception):
    """The page navigated by itself: it has to be loaded again, with its redirects held."""


class NavigatingSites:
    """The origins of pages that navigated by themselves; the newest ``MAX_SITES``."""

    def __init__(self) -> None:
        self._held_loads: OrderedDict[str, int] = OrderedDict()

    def add(self, url: str) -> None:
        self._held_loads[storage_origin(url)] = 0
        if len(self._held_loads) > MAX_SITES:
            self._held_loads.popitem(last=False)

    def must_hold(self, url: str) -> bool:
        """Return whether to load this page with its redirects held, and count this load."""
        origin = storage_origin(url)
        if origin not in self._held_loads:
            return False
        self._held_loads[origin] += 1
        if self._held_loads[origin] == HELD_LOADS:
            del self._held_loads[origin]
        return True


class UnheldPage:
    """Watches the page of a render. Call ``check`` when the result is read."""

    def __init__(self, tab: Tab, sites: NavigatingSites) -> None:
        self._tab, self._sites = tab, sites
        self.url = ""
        self._documents = 0  # the number of documents that are expected

    async def go(self, url: str) -> None:
        """Load the page as ``Tab.go`` does.

        Raises:
            PageFailed: as ``Tab.go``.
            PageNavigated: the page navigated before its load event.
        """
        self.url, load = url, self._tab.load
        self._documents = 1
        going = asyncio.ensure_future(self._tab.go(url))
        going.add_done_callback(load.wake)
        try:
            while not going.done():
                await load.changed()
                if len(load.started) > 1 and not load.loaded_at:
                    self._give_up()
            await going
        except PageFailed as error:
            await self._check_failure(error)
            raise
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
        self.check()

    async def go_anywhere(self, url: str) -> None:
        """Load the page as ``Tab.go`` does, and let it navigate by itself.

        Raises:
            PageFailed: as ``Tab.go``.
            PageNavigated: the page led to another one, which failed.
        """
        self.url = url
        try:
            await self._tab.go(url)
        except PageFailed as error:
            await self._check_failure(error)
            raise

    async def _check_failure(self, failure: PageFailed) -> None:
        """Raise PageNavigated if another URL than the given one may have failed: a redirect led there."""
        if isinstance(failure, CutOff) or failure.code == NO_REQUEST:
            return
        if (await self._tab.wait_for_failed_url() or "").rstrip("/") != self.url.rstrip("/"):
            self._give_up()

    def check(self) -> None:
        """Raise PageNavigated if the page has navigated since the last ``accept_documents``."""
        if self.url and self._tab.load.documents > self._documents:
            self._give_up()

    def accept_documents(self) -> None:
        """Accept the present document as the page."""
        self._documents = self._tab.load.documents

    def _give_up(self) -> None:
        self._sites.add(self.url)
        raise PageNavigated
