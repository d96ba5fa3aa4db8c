"""The watchdog: a Chromium that hangs is replaced, and no page gets an error for it. A busy tab is no such Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from renderer.chromium import watchdog
from renderer.chromium.process import Chromium, find_chromium
from renderer.chromium.watchdog import is_busy, stopped_processes
from renderer.pool.browser import Browser
from renderer.tab.tab import Tab
from tests.processes import started
from tests.renderer.conftest import Answer, Client, Pages
from tests.renderer.deaf_chromium import DeafChromium
from tests.renderer.polling import until


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "INTERVAL", 0.3)


@contextlib.asynccontextmanager
async def browser_of(program: str) -> AsyncIterator[Browser]:
    browser = Browser(Chromium(program=program), 2)
    try:
        await browser.start()
        yield browser
    finally:
        await browser.end()


def processes(leader: int, word: str) -> list[int]:
    """Return the Chromium processes that have this word in their command line; without a word the browser processes."""
    members = [psutil.Process(leader), *psutil.Process(leader).children(recursive=True)]
    lines = {process.pid: " ".join(process.cmdline()) for process in members}
    return [pid for pid, line in lines.items() if (word in line if word else "--type=" not in line)]


@pytest.mark.parametrize("word", ["", "NetworkService", "--type=renderer"])
def test_a_chromium_that_is_stopped_is_replaced_under_its_renders(
    pages: Pages, quick: None, word: str
) -> None:
    async def run() -> None:
        async with browser_of(find_chromium(None, os.environ)) as browser:
            (first,) = browser.pids

            async def work(tab: Tab) -> str:
                await tab.go(f"{pages.url}/plain")
                if browser.pids == [first]:
                    for pid in processes(first, word):
                        os.kill(pid, signal.SIGSTOP)
                await tab.go(f"{pages.url}/late")
                return await tab.document.html()

            async with asyncio.timeout(20):
                assert "Late" in await browser.render(work)
                assert "Late" in await browser.render(work)
            assert browser.losses == 1
            assert not psutil.pid_exists(first)

    asyncio.run(run())


def test_a_chromium_whose_pipe_is_blocked_is_replaced(pages: Pages, quick: None, tmp_path: Path) -> None:
    chromium = DeafChromium.make(tmp_path)

    async def run() -> None:
        async with browser_of(str(chromium.program)) as browser:
            (first,) = browser.pids

            async def work(tab: Tab) -> str:
                await tab.go(f"{pages.url}/plain")
                if browser.pids == [first]:
                    chromium.deaf.touch()
                    # More than a pipe holds.
                    tab.session.send("Runtime.evaluate", {"expression": f"'{'x' * 2_000_000}'"})
                await tab.go(f"{pages.url}/late")
                return await tab.document.html()

            async with asyncio.timeout(30):
                rendering = asyncio.ensure_future(browser.render(work))
                while not browser.losses:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                chromium.deaf.unlink()
                assert "Late" in await rendering

    asyncio.run(run())


def test_a_tab_that_is_busy_for_ever_is_no_reason_to_replace_chromium(pages: Pages, quick: None) -> None:
    async def run() -> None:
        async with browser_of(find_chromium(None, os.environ)) as browser:
            (first,) = browser.pids

            async def hang(tab: Tab) -> None:
                await tab.go(f"{pages.url}/loop")
                await tab.document.evaluate("new Promise(() => {})", wait=True)

            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(12 * watchdog.INTERVAL):
                    await asyncio.gather(browser.render(hang), browser.render(hang))
            assert (browser.pids, browser.losses) == ([first], 0)
            assert await browser.is_healthy()

    asyncio.run(run())


def test_the_watchdog_distinguishes_busy_idle_and_stopped_processes() -> None:
    with running("input()") as idle, running("while True: pass") as busy:
        until(lambda: not is_busy(idle), 5, "the idle process is busy")
        assert is_busy(busy)
        assert stopped_processes(idle) == stopped_processes(busy) == []
        os.kill(busy, signal.SIGSTOP)
        until(lambda: stopped_processes(busy) == [busy], 5, "the process is not stopped")
        assert not is_busy(busy)


@contextlib.contextmanager
def running(code: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def test_the_renderer_reports_a_chromium_that_hangs_as_its_own_fault(pages: Pages) -> None:
    with started("renderer", "--port", "0", "--exit-with-stdin") as (url, pid):
        client = Client(url)
        assert client.get("/_ping").status == 200
        chromium = [
            one for one in psutil.Process(pid).children(recursive=True) if "--headless" in one.cmdline()
        ]
        for process in chromium:
            process.suspend()
        answers: dict[str, Answer] = {}
        short = threading.Thread(
            target=lambda: answers.update(
                short=client.get("/render.html", url=f"{pages.url}/plain", timeout=0.5)
            )
        )
        short.start()
        until(lambda: client.get("/_ping").status == 503, 2, "/_ping does not report that Chromium hangs")
        short.join()
        assert (answers["short"].status, answers["short"].json["info"]["type"]) == (503, "browser_lost")
        assert answers["short"].headers["retry-after"]
        until(lambda: client.get("/_ping").status == 200, 20, "the renderer has not started a new Chromium")
        assert "plain" in client.html(f"{pages.url}/plain")
        assert not [one for one in chromium if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_an_idle_chromium_that_is_killed_is_replaced_for_the_next_client(pages: Pages) -> None:
    with started("renderer", "--port", "0", "--exit-with-stdin") as (url, pid):
        (killed,) = browser_processes(pid)
        os.killpg(killed, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(killed), 5, "Chromium still runs")
        assert Client(url).get("/_ping").status == 200
        assert browser_processes(pid)


def browser_processes(renderer: int) -> list[int]:
    """Return the pids of the Chromium browser processes that this renderer has started."""
    return [child.pid for child in psutil.Process(renderer).children() if "--headless" in child.cmdline()]
