"""The archive of a render (HAR 1.2): its pages, one for each main document, and the requests of each page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from renderer.chromium.cdp import Params
from renderer.network.exchanges import Exchange
from renderer.network.har import entry_of
from renderer.network.load_state import PageLoad
from renderer.tab.tab import Tab

ENTRIES_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class _Page:
    """A main document that arrived, or the requests before the first one."""

    number: int
    url: str
    loader_id: str
    first: Exchange | None  # the page's first request; after HTTP redirects, the first redirect

    def describe(self, title: str, load: PageLoad) -> Params:
        """Return the page as HAR describes it."""
        started = (
            self.first.started_at if self.first else datetime.now(UTC).isoformat(timespec="milliseconds")
        )
        timings: Params = {
            "onContentLoad": self._milliseconds_until(load.read_at.get(self.loader_id)),
            "onLoad": self._milliseconds_until(load.loaded_at.get(self.loader_id)),
        }
        if self.number == 1:
            timings["_onStarted"] = 0
        return {
            "id": str(self.number),
            "title": title,
            "startedDateTime": started,
            "pageTimings": timings,
        }

    def _milliseconds_until(self, time: float | None) -> int:
        """Return milliseconds from the first request; -1 if the event did not happen, or is older than the records."""
        if time is None or self.first is None:
            return -1
        return max(-1, round((time - self.first.started) * 1000))


async def archive_of(tab: Tab, title: str) -> Params:
    """Return the archive of the recorded requests. ``title`` is the last page's; other pages have their URL as one."""
    exchanges = tab.network.shown()
    pages = _pages(exchanges, [one for one in tab.network.main_documents() if one.response is not None])
    by_loader = {page.loader_id: page for page in pages}
    entries = []
    current = pages[0]
    for number, exchange in enumerate(exchanges, 1):
        if number % ENTRIES_AT_ONCE == 0:
            await asyncio.sleep(0)  # a page may have thousands of requests, and other renders wait
        # A request of a frame or a worker belongs to the page that was open at that time.
        current = by_loader.get(exchange.loader_id, current)
        entries.append(entry_of(exchange) | {"pageref": str(current.number)})
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "Splash", "version": "3.5"},
            "browser": {
                "name": "Chromium",
                "version": tab.connection.product.partition("/")[2],
                "comment": "Splashdown renderer",
            },
            "pages": [page.describe(title if page is pages[-1] else page.url, tab.load) for page in pages],
            "entries": entries,
        }
    }


def _pages(exchanges: list[Exchange], documents: list[Exchange]) -> list[_Page]:
    firsts: dict[str, Exchange] = {}
    for exchange in exchanges:
        firsts.setdefault(exchange.loader_id, exchange)
    documents = [one for one in documents if one.loader_id in firsts]
    if not documents:
        return [_Page(number=1, url="", loader_id="", first=exchanges[0] if exchanges else None)]
    # The first page includes earlier requests: the script's own and those of pages that failed.
    beginnings = [exchanges[0], *(firsts[document.loader_id] for document in documents[1:])]
    return [
        _Page(number=number, url=document.request["url"], loader_id=document.loader_id, first=first)
        for number, (document, first) in enumerate(zip(documents, beginnings, strict=True), 1)
    ]
