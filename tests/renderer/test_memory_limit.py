"""--maxrss: the count of memory, and the replacement of Chromium without losing a render; the memory of scripts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from renderer.chromium.process import Chromium, find_chromium
from renderer.pool import memory_limit as memory
from renderer.pool.browser import Browser
from renderer.pool.memory_limit import limit_in_bytes, used_by, used_by_sessions
from renderer.tab.tab import Tab
from tests.processes import server
from tests.renderer.conftest import Client, Pages
from tests.renderer.polling import until


def test_the_limit_is_in_megabytes_or_a_share_of_the_machine() -> None:
    assert limit_in_bytes(512) == 512 * 1024 * 1024
    assert limit_in_bytes(0.5) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2


def test_the_memory_of_a_session_includes_the_child_processes() -> None:
    assert used_by(Path("/proc/self")) > 1024 * 1024
    assert used_by(Path("/proc/0")) == 0
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    leader = subprocess.Popen([sys.executable, "-c", child], start_new_session=True, stdin=subprocess.PIPE)
    alone = Path(f"/proc/{leader.pid}")
    until(lambda: used_by_sessions([leader.pid]) > 1.2 * used_by(alone) > 0, 10, "the child is not counted")
    leader.communicate(b"\n", timeout=10)


@pytest.fixture
def chromium() -> Chromium:
    return Chromium(program=find_chromium(None, os.environ))


def test_chromium_is_replaced_above_the_limit_and_no_render_fails(
    chromium: Chromium, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "INTERVAL", 0.01)
    monkeypatch.setattr(memory, "used_by", lambda _: 0)
    sizes = iter([2 * 1024 * 1024])
    monkeypatch.setattr(memory, "used_by_sessions", lambda _: next(sizes, 0))

    async def run() -> None:
        browser = Browser(chromium, 1)
        await browser.start()
        first = browser.pids

        async def work(tab: Tab) -> str:
            await asyncio.sleep(0.3)
            await tab.go(f"{pages.url}/plain")
            return await tab.document.html()

        ended = asyncio.Event()
        watching = asyncio.ensure_future(memory.watch(browser, 1, ended))
        try:
            shown = await asyncio.gather(*(browser.render(work) for _ in range(3)))
            async with asyncio.timeout(10):
                while browser.pids in (first, []):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            shown.append(await browser.render(work))
        finally:
            watching.cancel()
            await browser.end()
        assert all("plain" in html for html in shown)
        assert not ended.is_set()

    asyncio.run(run())


def test_the_renderer_ends_when_its_own_memory_exceeds_the_limit(
    chromium: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "INTERVAL", 0.01)

    async def run() -> bool:
        browser, ended = Browser(chromium, 1), asyncio.Event()
        try:
            await asyncio.wait_for(memory.watch(browser, 1, ended), 10)
        finally:
            await browser.end()
        return ended.is_set()

    assert asyncio.run(run())


def test_scripts_that_exceed_their_memory_return_it() -> None:
    eats = "function main() local s = 'x' while true do s = s .. s end end"
    with server("renderer", "--port", "0", "--exit-with-stdin") as url:
        before = Client(url).get("/_ping").json["maxrss"]  # KiB
        for _ in range(8):
            assert Client(url).post("/execute", lua_source=eats).status == 400
        # One script may use 100 MB, and needs part of that twice; eight in turn need no more.
        assert Client(url).get("/_ping").json["maxrss"] - before < 250 * 1024
