"""A script can be cancelled at each of its waits, and again during the cleanup; nothing of it stays."""

from __future__ import annotations

import asyncio
import os

from renderer.chromium.process import Chromium, find_chromium
from renderer.lua.process_pool import AHEAD, ProcessPool
from renderer.lua.script import Script, execute
from renderer.pool.browser import Browser
from tests.renderer.conftest import Pages
from tests.renderer.script_processes import (
    cancel_at_each_wait,
    run_script,
    run_with_pool,
    runs_scripts,
    wait_until,
)


def test_a_script_can_be_cancelled_at_each_wait() -> None:
    async def test(pool: ProcessPool) -> None:
        async def slow() -> int:
            await asyncio.sleep(0)
            return 1

        async def work() -> None:
            await run_script(pool, "function main(splash) splash:slow() return splash:slow() end", slow)

        async def settled() -> None:
            await wait_until(lambda: (len(pool._busy), len(pool._waiting)), (0, 0))

        assert await cancel_at_each_wait(work, settled) > 4
        # The same without waiting processes.
        for process in tuple(pool._idle):
            process.kill()
        assert await cancel_at_each_wait(work, settled) > 4
        assert await runs_scripts(pool)
        assert len(pool._idle) <= AHEAD + 1

    run_with_pool(test)


def test_a_script_on_a_page_can_be_cancelled_at_each_wait(pages: Pages) -> None:
    source = """
    function main(splash, args)
      splash:on_request(function(request) request:set_header("x", "y") end)
      splash:call_later(function() splash:wait(5) end, 0)
      splash:go(args.url)
      splash:with_timeout(function() splash:wait(0.01) end, 1)
      return splash:html()
    end"""

    async def test(pool: ProcessPool) -> None:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)
        await browser.start()
        script = Script(source=source, arguments={"url": f"{pages.url}/plain"}, processes=pool, is_body=False)

        async def work() -> None:
            await browser.render(lambda tab: execute(tab, script))

        async def settled() -> None:
            await wait_until(lambda: (len(pool._busy), len(browser._tasks), browser.active), (0, 0, 0))

        try:
            assert await cancel_at_each_wait(work, settled) > 3
            assert b"plain" in (await browser.render(lambda tab: execute(tab, script))).body
        finally:
            await browser.end()

    run_with_pool(test)
