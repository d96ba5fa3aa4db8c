"""Client hints: headers that a site requests with ``Accept-CH``; Chromium then sends them to this origin.

Chromium saves the client hints of a main document in the browser context, by origin. It replaces them when the next
main document of the origin has the header, and it has no command that clears them. So after such a document, the tab
loads an empty document of the same origin, whose header requests no hints (``EMPTY``). The interception answers that
request, and nothing reaches the site.

Chromium reports headers only while the domain Network of CDP is on. That costs an eighth of the time of a page with
many resources, even if it is on only until the document begins. If nothing else needs the domain, the renderer checks
the first document of an origin, and one in ``DOCUMENTS_PER_CHECK`` of the later ones. Once an origin has requested
hints, the renderer checks all documents of the origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from renderer.network.load_state import storage_origin

if TYPE_CHECKING:
    from renderer.network.exchanges import Exchange

HEADER = "accept-ch"
EMPTY = {"Accept-CH": ""}
# The renderer checks one in this many documents of an origin.
DOCUMENTS_PER_CHECK = 16


def asks_for_hints(exchange: Exchange) -> bool:
    """Return whether the response has the header: in the server's headers, or in Chromium's copy of them."""
    response = exchange.response or {}
    return any(name.lower() == HEADER for name in (*exchange.response_headers, *response.get("headers", ())))


class ClientHints:
    """The origins that a tab has visited, and whether they request client hints."""

    def __init__(self) -> None:
        self._documents: dict[str, int] = {}
        self._asking: set[str] = set()
        self.kept: set[str] = set()  # origins whose hints Chromium has saved, until ``forget``

    def needs_check(self, url: str) -> bool:
        """Count a request for a document at this URL; return whether its headers must be checked."""
        origin = storage_origin(url)
        if not origin:
            return False
        number = self._documents.get(origin, 0)
        self._documents[origin] = number + 1
        return origin in self._asking or number % DOCUMENTS_PER_CHECK == 0

    def on_documents(self, hops: Sequence[Exchange]) -> None:
        """Find the origins that request hints, in the recorded main documents of a render and the redirects to them."""
        self.kept = {
            storage_origin(url)
            for hop in hops
            if asks_for_hints(hop)
            for url in (hop.request["url"], (hop.response or hop.request)["url"])
        } - {""}
        if self.kept:
            # The first origin may only have redirected to one that requests hints.
            self._asking |= self.kept | {storage_origin(hops[0].request["url"])}

    def forget(self) -> None:
        """Note that Chromium has no hints any more."""
        self.kept = set()
