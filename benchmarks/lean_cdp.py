"""The limit of what Chromium can do: raw CDP with nothing but the page in it, and nothing kept apart.

A tab a slot that stays on the site; one command a page; an observer in the page hands the finished HTML over; frames
are never drawn. Reads lists of URLs from standard input, a line each, and answers with the number of good pages.

python -m benchmarks.lean_cdp CONCURRENCY
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from renderer.cdp import Connection, Params
from renderer.chromium import Chromium, find_chromium
from renderer.scheduling import work_in_batches

PAGE_TIMEOUT = 20.0

_OBSERVER = """(() => {
  const done = () => {
    if (!document.getElementById('ready')) return false;
    handOver(location.href + '\\n' + document.documentElement.outerHTML);
    return true;
  };
  const observer = new MutationObserver(() => { if (done()) observer.disconnect(); });
  observer.observe(document, {childList: true, subtree: true});
})()"""


class LeanChromium(Chromium):
    def arguments(self, profile: Path) -> list[str]:
        program, *rest = super().arguments(profile)
        return [program, "--enable-begin-frame-control", "--run-all-compositor-stages-before-draw", *rest]


class LeanTab:
    """Use ``open``."""

    def __init__(self, connection: Connection, session_id: str) -> None:
        self._session = connection.session(session_id)
        self._session.on("Runtime.bindingCalled", self._take)
        self._url = ""
        self._page: asyncio.Future[str] | None = None

    @classmethod
    async def open(cls, connection: Connection) -> LeanTab:
        browser = connection.browser
        target = await browser.call(
            "Target.createTarget", {"url": "about:blank", "enableBeginFrameControl": True}
        )
        attached = await browser.call(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        tab = cls(connection, attached["sessionId"])
        await asyncio.gather(
            tab._session.send("Page.enable"),
            tab._session.send("Runtime.enable"),
            tab._session.send("Runtime.addBinding", {"name": "handOver"}),
            tab._session.send("Page.addScriptToEvaluateOnNewDocument", {"source": _OBSERVER}),
        )
        return tab

    def _take(self, event: Params) -> None:
        url, _, html = event["payload"].partition("\n")
        if url == self._url and self._page is not None and not self._page.done():
            self._page.set_result(html)

    async def page(self, url: str) -> str:
        self._url, self._page = url, asyncio.get_running_loop().create_future()
        self._session.send("Page.navigate", {"url": url})
        async with asyncio.timeout(PAGE_TIMEOUT):
            return await self._page


async def load_all(tabs: list[LeanTab], urls: list[str]) -> int:
    waiting = iter(urls)
    good = 0

    async def work(tab: LeanTab) -> None:
        nonlocal good
        for url in waiting:
            try:
                html = await tab.page(url)
            except TimeoutError:
                print(f"{url} was not done", file=sys.stderr)
                continue
            good += 'id="ready"' in html

    await asyncio.gather(*map(work, tabs))
    return good


async def main(concurrency: int) -> None:
    chromium: Any = LeanChromium(program=find_chromium(None, os.environ))
    process = await chromium.start()
    try:
        tabs = [await LeanTab.open(process.connection) for _ in range(concurrency)]
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(await load_all(tabs, json.loads(line)), flush=True)
    finally:
        await process.end()


if __name__ == "__main__":
    work_in_batches()  # as the renderer does
    asyncio.run(main(int(sys.argv[1])))
