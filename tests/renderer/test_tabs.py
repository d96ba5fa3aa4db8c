"""The pool: renders reuse tabs, since a new tab costs a process and most of a render's time; Chromium is replaced."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from renderer.chromium.process import Chromium, find_chromium
from renderer.pool import browser_instance
from renderer.pool.browser import Browser
from renderer.tab.tab import Tab
from tests.renderer.conftest import Pages

SLOTS = 3


def test_ordinary_renders_use_one_tab_per_slot(pages: Pages) -> None:
    async def run() -> set[str]:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), SLOTS)
        used: set[str] = set()

        async def render(path: str) -> None:
            async def work(tab: Tab) -> None:
                used.add(tab.target_id)
                await tab.go(f"{pages.url}/{path}")
                await tab.document.html()

            await browser.render(work)

        await browser.start()
        try:
            await asyncio.gather(*(render(path) for path in ("plain", "image", "keeper") * 12))
        finally:
            await browser.end()
        return used

    assert len(asyncio.run(run())) == SLOTS


@pytest.mark.parametrize(
    ("limit", "value"),
    [("MAX_RENDERS_PER_CHROMIUM", 5), ("MAX_TABS_PER_CHROMIUM", 1), ("MAX_CHROMIUM_AGE", 0.0)],
)
def test_chromium_is_replaced_while_a_long_render_runs(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    monkeypatch.setattr(browser_instance, limit, value)

    async def run() -> None:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), SLOTS)
        await browser.start()
        released = asyncio.Event()

        async def take_long(tab: Tab) -> str:
            await tab.go(f"{pages.url}/plain")
            await released.wait()
            return await tab.document.html()

        async def work(tab: Tab) -> str:
            await tab.go(f"{pages.url}/plain")
            return await tab.document.html()

        try:
            seen = {*browser.pids}
            first = psutil.Process(browser.pids[0])
            long = asyncio.ensure_future(browser.render(take_long))
            async with asyncio.timeout(60):
                while len(seen) < 4:
                    assert "plain" in await browser.render(work)
                    seen.update(browser.pids)
                assert first.is_running()  # the long render still uses it
                released.set()
                assert "plain" in await long
                while psutil.pid_exists(first.pid):  # noqa: ASYNC110 - a process has no event
                    await asyncio.sleep(0.02)
        finally:
            await browser.end()
        assert not [pid for pid in seen if pid is None or psutil.pid_exists(pid)]

    asyncio.run(run())


def test_the_old_chromium_stays_if_a_new_one_does_not_start(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(browser_instance, "MAX_RENDERS_PER_CHROMIUM", 3)
    program = tmp_path / "chromium"
    program.symlink_to(find_chromium(None, os.environ))

    async def run() -> None:
        browser = Browser(Chromium(program=str(program)), SLOTS)
        await browser.start()
        first = browser.pids
        program.unlink()

        async def work(tab: Tab) -> str:
            await tab.go(f"{pages.url}/plain")
            return await tab.document.html()

        try:
            for _ in range(12):
                assert "plain" in await browser.render(work)
        finally:
            await browser.end()
        assert browser.pids == first

    asyncio.run(run())
