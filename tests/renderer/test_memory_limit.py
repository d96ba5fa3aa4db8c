"""--maxrss: what is counted, and that renewing Chromium loses no render; what scripts take is given back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from renderer import memory
from renderer.browser import Browser
from renderer.chromium import Chromium, find_chromium
from renderer.memory import limit_in_bytes, used_by, used_by_session
from tests.processes import server
from tests.renderer.conftest import Client


def test_the_limit_is_in_megabytes_or_a_share_of_the_machine():
    assert limit_in_bytes(512) == 512 * 1024 * 1024
    assert limit_in_bytes(0.5) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2


def test_processes_are_counted_with_what_they_started():
    assert used_by(Path("/proc/self")) > 1024 * 1024
    assert used_by(Path("/proc/0")) == 0
    child = "import subprocess, sys; print(flush=True); subprocess.run([sys.executable, '-c', 'input()'])"
    leader = subprocess.Popen(
        [sys.executable, "-c", child], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert leader.stdout is not None
    leader.stdout.readline()
    assert used_by_session(leader.pid) > 0
    leader.communicate(b"\n", timeout=10)


@pytest.fixture
def chromium() -> Chromium:
    return Chromium(program=find_chromium(None, os.environ))


def test_chromium_is_renewed_between_renders(chromium, pages, monkeypatch):
    monkeypatch.setattr(memory, "INTERVAL", 0.01)
    monkeypatch.setattr(memory, "used_by", lambda _: 0)
    sizes = iter([2 * 1024 * 1024])
    monkeypatch.setattr(memory, "used_by_session", lambda _: next(sizes, 0))

    async def run():
        browser = Browser(chromium, 1)
        await browser.start()
        first = browser.pid

        async def work(tab):
            await asyncio.sleep(0.3)
            await tab.go(f"{pages.url}/plain")
            return await tab.html()

        ended = asyncio.Event()
        watching = asyncio.ensure_future(memory.watch(browser, 1, ended))
        try:
            shown = await asyncio.gather(*(browser.render(work) for _ in range(3)))
            async with asyncio.timeout(10):
                while browser.pid in (first, None):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            shown.append(await browser.render(work))
        finally:
            watching.cancel()
            await browser.end()
        assert all("plain" in html for html in shown)
        assert not ended.is_set()

    asyncio.run(run())


def test_we_end_when_it_is_our_own_memory(chromium, monkeypatch):
    monkeypatch.setattr(memory, "INTERVAL", 0.01)

    async def run():
        browser, ended = Browser(chromium, 1), asyncio.Event()
        try:
            await asyncio.wait_for(memory.watch(browser, 1, ended), 10)
        finally:
            await browser.end()
        return ended.is_set()

    assert asyncio.run(run())


def test_scripts_that_eat_their_memory_give_it_back():
    eats = "function main() local s = 'x' while true do s = s .. s end end"
    with server("renderer", "--port", "0", "--exit-with-stdin") as url:
        before = Client(url).get("/_ping").json["maxrss"]  # KiB
        for _ in range(8):
            assert Client(url).post("/execute", lua_source=eats).status == 400
        # One of them may have 100 MB, and needs some of it twice; eight have no more.
        assert Client(url).get("/_ping").json["maxrss"] - before < 250 * 1024
