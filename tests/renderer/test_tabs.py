"""Tabs are used again: a new one costs a process and most of a render's time."""

from __future__ import annotations

import asyncio
import os

from renderer.browser import Browser
from renderer.chromium import Chromium, find_chromium

SLOTS = 3


def test_ordinary_renders_share_a_tab_a_slot(pages):
    async def run() -> set[str]:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), SLOTS)
        used: set[str] = set()

        async def render(path: str) -> None:
            async def work(tab):
                used.add(tab.target_id)
                await tab.go(f"{pages.url}/{path}")
                await tab.html()

            await browser.render(work)

        await browser.start()
        try:
            await asyncio.gather(*(render(path) for path in ("plain", "image", "keeper") * 12))
        finally:
            await browser.end()
        return used

    assert len(asyncio.run(run())) == SLOTS
