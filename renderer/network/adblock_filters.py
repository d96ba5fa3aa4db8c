"""Filter lists in the format of Adblock Plus: named lists of requests that the renderer blocks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from adblock import AdblockException, Engine, FilterSet

log = logging.getLogger(__name__)

DEFAULT = "default"
NONE = "none"

# Chromium's names for the kinds of requests, and the names in filter lists.
_KINDS = {
    "Stylesheet": "stylesheet",
    "Image": "image",
    "Media": "media",
    "Font": "font",
    "Script": "script",
    "XHR": "xmlhttprequest",
    "Fetch": "xmlhttprequest",
    "WebSocket": "websocket",
    "Ping": "ping",
    "Document": "subdocument",
}


class Filters:
    """The filter lists of one folder, which are read once."""

    def __init__(self, folder: Path | None = None) -> None:
        self._engines = {path.stem: _read(path) for path in sorted(folder.glob("*.txt"))} if folder else {}

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Return those of the names that no list has."""
        return [name for name in names if name != NONE and name not in self._engines]

    def chosen(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the lists that apply to a render with this argument ``filters``."""
        if not names:
            return (DEFAULT,) if DEFAULT in self._engines else ()
        return tuple(name for name in names if name != NONE)

    def refuse(self, names: Sequence[str], url: str, page_url: str, kind: str) -> bool:
        """Return whether one of these lists blocks the request; ``page_url`` is the URL of the main document."""
        for name in names:
            try:
                result = self._engines[name].check_network_urls(url, page_url, _KINDS.get(kind, "other"))
            except AdblockException:  # the URL has no host, so no list can block it
                continue
            if result.matched:
                return True
        return False


def _read(path: Path) -> Engine:
    rules = FilterSet()
    rules.add_filter_list(path.read_text(encoding="utf-8", errors="replace"))
    log.info("the renderer has read the filter list %s", path)
    return Engine(rules)
