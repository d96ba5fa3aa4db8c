"""Tabs are used again, for a new one costs a process and most of a render's time; Chromium is not used for ever."""

from __future__ import annotations

import asyncio
import os

import psutil
import pytest

from renderer import browser as browser_module
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


@pytest.mark.parametrize(
    ("limit", "value"), [("RENDERS_A_CHROMIUM", 5), ("TABS_A_CHROMIUM", 1), ("OLDEST_CHROMIUM", 0.0)]
)
def test_chromium_is_replaced_beside_a_page_that_takes_long(pages, monkeypatch, limit, value):
    monkeypatch.setattr(browser_module, limit, value)

    async def run() -> None:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), SLOTS)
        await browser.start()
        released = asyncio.Event()

        async def take_long(tab):
            await tab.go(f"{pages.url}/plain")
            await released.wait()
            return await tab.html()

        async def work(tab):
            await tab.go(f"{pages.url}/plain")
            return await tab.html()

        try:
            seen = {browser.pid}
            first = psutil.Process(browser.pid)
            long = asyncio.ensure_future(browser.render(take_long))
            async with asyncio.timeout(60):
                while len(seen) < 4:
                    assert "plain" in await browser.render(work)
                    seen.add(browser.pid)
                assert first.is_running()  # somebody is still in there
                released.set()
                assert "plain" in await long
                while psutil.pid_exists(first.pid):  # noqa: ASYNC110 - a process has no event
                    await asyncio.sleep(0.02)
        finally:
            await browser.end()
        assert not [pid for pid in seen if psutil.pid_exists(pid)]

    asyncio.run(run())


def test_the_old_chromium_stays_where_a_new_one_does_not_start(pages, monkeypatch, tmp_path):
    monkeypatch.setattr(browser_module, "RENDERS_A_CHROMIUM", 3)
    program = tmp_path / "chromium"
    program.symlink_to(find_chromium(None, os.environ))

    async def run() -> None:
        browser = Browser(Chromium(program=str(program)), SLOTS)
        await browser.start()
        first = browser.pid
        program.unlink()

        async def work(tab):
            await tab.go(f"{pages.url}/plain")
            return await tab.html()

        try:
            for _ in range(12):
                assert "plain" in await browser.render(work)
        finally:
            await browser.end()
        assert browser.pid == first

    asyncio.run(run())
