"""The ``baseurl`` argument: download the page without opening it, and then show it under another URL."""

from __future__ import annotations

from renderer.errors import PageFailed
from renderer.tab.tab import Tab


async def fetch(tab: Tab, url: str) -> tuple[bytes, str]:
    """Return the page's content and its type; raise PageFailed if it cannot be loaded."""
    # Chromium downloads it, so it cannot reach more than pages can; our own port, for example, stays closed.
    captured = await tab.interception.capture_first_document()
    try:
        await tab.go(url)
    except PageFailed:
        # Chromium reports a captured page as aborted.
        if not captured.done():
            raise
    return await captured
