"""The archive of a render (HAR 1.2): its pages, one a main document, and what each of them asked of the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from renderer.cdp import Params
from renderer.har import entry_of
from renderer.network import Exchange
from renderer.page_load import PageLoad
from renderer.tab import Tab


@dataclass(frozen=True, kw_only=True)
class _Page:
    """A main document that came, or whatever was asked for before any did."""

    number: int
    url: str
    loader_id: str
    first: Exchange | None  # of its own: where HTTP redirects led to it, the first of them

    def describe(self, title: str, load: PageLoad) -> Params:
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

    def _milliseconds_until(self, moment: float | None) -> int:
        """-1, as HAR has it, for what did not happen; and for what had before the records began anew."""
        if moment is None or self.first is None:
            return -1
        return max(-1, round((moment - self.first.started) * 1000))


def archive_of(tab: Tab, title: str) -> Params:
    """All that the records have; ``title`` is that of the page which is there now, others have their URLs."""
    exchanges = tab.network.shown()
    pages = _pages(exchanges, [one for one in tab.network.main_documents() if one.response is not None])
    by_loader = {page.loader_id: page for page in pages}
    entries = []
    current = pages[0]
    for exchange in exchanges:
        # What a frame or a worker asks for belongs to the page that was there then.
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
    # What comes before the first document (requests of the script's own, pages that failed) is told with it.
    beginnings = [exchanges[0], *(firsts[document.loader_id] for document in documents[1:])]
    return [
        _Page(number=number, url=document.request["url"], loader_id=document.loader_id, first=first)
        for number, (document, first) in enumerate(zip(documents, beginnings, strict=True), 1)
    ]
