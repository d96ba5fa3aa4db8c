"""The limit of Chromium's speed: the DevTools protocol without isolation between pages.

Each slot has one tab, which stays on the site; each page takes one command; an observer in the page sends the
finished HTML; Chromium draws no frames. The program reads lists of URLs from standard input, one JSON line for each
list, and prints the number of good pages of each.

python -m benchmarks.lean_cdp CONCURRENCY
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from renderer.chromium.cdp import Connection, Params
from renderer.chromium.process import Chromium, find_chromium
from renderer.chromium.scheduling import work_in_batches

PAGE_TIMEOUT = 20.0

_OBSERVER = """(() => {
  const done = () => {
    if (!document.getElementById('ready')) return false;
    sendPage(location.href + '\\n' + document.documentElement.outerHTML);
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
    """A tab of the benchmark; ``open`` makes one."""

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
            tab._session.send("Runtime.addBinding", {"name": "sendPage"}),
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
    """Load all URLs in the tabs; return the number of good pages."""
    waiting = iter(urls)
    good = 0

    async def work(tab: LeanTab) -> None:
        nonlocal good
        for url in waiting:
            try:
                html = await tab.page(url)
            except TimeoutError:
                print(f"{url} was not ready after {PAGE_TIMEOUT:.0f} s", file=sys.stderr)
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
