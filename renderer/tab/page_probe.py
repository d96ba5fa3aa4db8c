"""A script in every document that reports the page's first use of certain functions (``page_probe.js``)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from renderer.chromium.cdp import Session

# The signals; page_probe.js says which functions send which signal.
FRAMES = "frames"  # the page waits for Chromium to draw it
LASTING = "lasting"  # the page has started something that may outlive its document

# A secret, so that no page can send a signal by itself.
_TOKEN = secrets.token_hex(8)
# An attribute of the root element of a frozen page's document; a document with it cannot use the network.
FROZEN_ATTRIBUTE = f"frozen-{_TOKEN}"
_PREFIX = f"about:blank#{_TOKEN}-"

SCRIPT = Path(__file__).with_name("page_probe.js").read_text(encoding="utf-8").replace("TOKEN", _TOKEN)


class UsageProbe:
    """Calls a function when a page of this tab sends a signal."""

    def __init__(self, session: Session) -> None:
        self._callbacks: dict[str, Callable[[], object]] = {}
        session.on("Page.windowOpen", self._window_opened)

    def on(self, signal: str, callback: Callable[[], object]) -> None:
        """Call this function each time that a page sends the signal."""
        self._callbacks[signal] = callback

    def _window_opened(self, event: dict[str, Any]) -> None:
        url: str = event["url"]
        if url.startswith(_PREFIX) and (callback := self._callbacks.get(url.removeprefix(_PREFIX))):
            callback()
