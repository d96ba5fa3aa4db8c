"""The ``baseurl`` argument: fetch the page without opening it, to show it as if it lived elsewhere."""

from __future__ import annotations

from renderer.errors import PageFailed
from renderer.tab import Tab


async def fetch(tab: Tab, url: str) -> tuple[bytes, str]:
    """The page's content and its type."""
    # Chromium fetches, not we: what its pages may not reach, such as our own port, is closed to this as well.
    captured = await tab.interception.capture_first_document()
    try:
        await tab.go(url)
    except PageFailed:
        # Being aborted is what becomes of a page that was captured.
        if not captured.done():
            raise
    return await captured
