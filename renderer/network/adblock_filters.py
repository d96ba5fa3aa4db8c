"""Lists of requests that are not to be made, in the format of Adblock Plus, by name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from adblock import AdblockException, Engine, FilterSet

log = logging.getLogger(__name__)

DEFAULT = "default"
NONE = "none"

# Chromium's words for the kinds of requests, and the lists' words.
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
    """The lists of one folder, read once."""

    def __init__(self, folder: Path | None = None) -> None:
        self._engines = {path.stem: _read(path) for path in sorted(folder.glob("*.txt"))} if folder else {}

    def unknown(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name != NONE and name not in self._engines]

    def chosen(self, names: Sequence[str]) -> tuple[str, ...]:
        """The lists that apply to a request that asks for these."""
        if not names:
            return (DEFAULT,) if DEFAULT in self._engines else ()
        return tuple(name for name in names if name != NONE)

    def refuse(self, names: Sequence[str], url: str, page_url: str, kind: str) -> bool:
        """Whether one of these lists blocks the request; ``page_url`` is what the address bar would show."""
        for name in names:
            try:
                result = self._engines[name].check_network_urls(url, page_url, _KINDS.get(kind, "other"))
            except AdblockException:  # a URL without a host: nothing that a list could mean
                continue
            if result.matched:
                return True
        return False


def _read(path: Path) -> Engine:
    rules = FilterSet()
    rules.add_filter_list(path.read_text(encoding="utf-8", errors="replace"))
    log.info("filters %s are read", path.stem)
    return Engine(rules)
