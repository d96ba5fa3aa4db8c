"""What a page's first use of certain functions tells us: ``telltale.js`` runs in every document before its scripts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from renderer.cdp import Session

# Words that a page's use of functions stands for; telltale.js says which functions.
FRAMES = "frames"  # it waits for being drawn
LASTING = "lasting"  # it has begun what does not end the moment its document is stopped

# No page knows it, so none can say a word by itself.
_TOKEN = secrets.token_hex(8)
# An attribute of the root of a document that has been brought to rest; in it nothing can be asked of the network.
AT_REST = f"rest-{_TOKEN}"
_PREFIX = f"about:blank#{_TOKEN}-"

SCRIPT = Path(__file__).with_name("telltale.js").read_text(encoding="utf-8").replace("TOKEN", _TOKEN)


class Telltale:
    """Calls back when a page of this tab says a word."""

    def __init__(self, session: Session) -> None:
        self._hear: dict[str, Callable[[], object]] = {}
        session.on("Page.windowOpen", self._window_opened)

    def on(self, word: str, hear: Callable[[], object]) -> None:
        self._hear[word] = hear

    def _window_opened(self, event: dict[str, Any]) -> None:
        url: str = event["url"]
        if url.startswith(_PREFIX) and (hear := self._hear.get(url.removeprefix(_PREFIX))):
            hear()
