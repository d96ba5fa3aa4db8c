"""A page that is brought to rest and replaced by the next render's, with no empty one between, is no less gone."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from renderer.browser import Browser
from renderer.chromium import Chromium, find_chromium
from renderer.tab import Tab
from renderer.wait_for import wait_for
from tests.processes import server
from tests.renderer.conftest import Client

# What a page does to leave something to the next one; each in a page of its own, and all together.
HAUNTS = {
    "listeners": """
      for (const kind of ['beforeunload', 'pagehide', 'unload', 'visibilitychange', 'freeze', 'resume', 'popstate'])
        for (const target of [self, document]) target.addEventListener(kind, () => leave(kind), true);
      self.onunload = () => leave('onunload'); self.navigation.onnavigate = () => leave('navigate');""",
    "timers": "setInterval(() => leave('timer'), 1);",
    "promises": """
      (async () => { for (let n = 1;; n++) {
        await crypto.subtle.digest('SHA-256', new Uint8Array(8)); leave('promise');
        if (n % 20 === 0) await new Promise(resolve => setTimeout(resolve, 1));
      } })();""",
    "requests": """
      (async () => { for (;;) { await fetch('/empty').catch(() => {}); leave('request'); } })();
      fetch('/late-cookie'); new Image().src = '/late-cookie?image';""",
    "waits": """
      const buffer = new Int32Array(new SharedArrayBuffer(4));
      (async () => { for (;;) {
        await Atomics.waitAsync(buffer, 0, 0, 5).value; leave('wait'); fetch('/late-cookie?wait').catch(() => {});
      } })();""",
    "messages": """
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { leave('message'); setTimeout(() => channel.port2.postMessage(1), 1); };
      channel.port2.postMessage(1);""",
    "elements": """
      customElements.define('x-ghost', class extends HTMLElement {
        disconnectedCallback() { leave('removed'); haunt(); }
      });
      document.documentElement.append(document.createElement('x-ghost'));
      const haunt = () => { addEventListener('pagehide', () => leave('added')); setInterval(leave, 1, 'late'); };
      new MutationObserver(() => { leave('mutation'); haunt(); })
        .observe(document, {childList: true, subtree: true});""",
    "poison": """
      Document.prototype.open = Document.prototype.close = () => leave('open');
      Object.defineProperty(self, 'name', { get: () => 'poisoned', set: () => leave('name'), configurable: true });
      EventTarget.prototype.removeEventListener = Node.prototype.removeChild = () => leave('remove');""",
}
# Whether it stores things while it is shown, or nothing before it is emptied: then nobody can know beforehand.
LEAVE = """
  const late = location.search === '?late';
  const leave = what => {
    if (late && document.getElementById('done')) return;
    document.cookie = `${what}=1; path=/`; localStorage[what] = 1; sessionStorage[what] = 1; self.own = what;
    try { if (!self.name.includes(what)) self.name += what; } catch {}
  };
  leave('early');"""
LOOK = """<p>B</p><script>
  const look = () => JSON.stringify([document.cookie, Object.keys(localStorage), Object.keys(sessionStorage),
    self.name, typeof self.own, document.visibilityState]);
  const first = look();
  setTimeout(() => { document.body.innerHTML = `<pre id=seen>[${first}, ${look()}, ${history.length}]</pre>` }, 150);
</script>"""
CLEAN = ["", [], [], "", "undefined", "visible"]


@pytest.fixture(scope="module")
def site():
    """Serves the pages above; ``hits`` are the paths that were asked for."""
    hits: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        hits.append(request.path_qs)
        path = request.path.strip("/")
        if path == "late-cookie":
            await asyncio.sleep(0.3)
            return web.Response(headers={"Set-Cookie": "late=1; Path=/"})
        if path == "elsewhere":
            raise web.HTTPFound(f"http://localhost:{request.url.port}/back")
        if path == "nothing":
            return web.Response(status=204)
        if path == "hang":
            await asyncio.sleep(30)
        script = HAUNTS.get(path) or (
            "\n".join(f"{{{one}}}" for one in HAUNTS.values()) if path == "all" else ""
        )
        html = {
            "look": LOOK,
            "back": "<script>history.back(); history.go(-2)</script><p id=done>" + "x" * 9,
            "plain": "<p id=done>plain</p>",
            "empty": "",
            "leaves": "<p id=done>A</p><script>setTimeout(() => { location = '/plain?left' }, 0)</script>",
            "ticks": "<script>setInterval(() => fetch('/empty'), 1)</script><p id=done></p>",
            "worker": "<script>new Worker(URL.createObjectURL(new Blob([''])))</script><p id=done></p>",
            "stores": "<script>localStorage.a = 1</script><p id=done></p>",
            "frame": "<iframe srcdoc=x></iframe><p id=done></p>",
        }.get(path, f"<p id=done>A</p><script>{LEAVE}\n{script}</script><p id=end>A</p>")
        return web.Response(text=html, content_type="text/html")

    with Site(answer) as url:
        yield url, hits


class Site:
    """A site that lives on a thread of its own."""

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.Response]]) -> None:
        self._answer = answer

    def __enter__(self) -> str:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _start(self) -> str:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture(scope="module")
def one_tab():
    """A renderer whose renders all use the same tab."""
    with server("renderer", "--port", "0", "--exit-with-stdin", "--slots", "1") as url:
        yield Client(url)


def look(one_tab: Client, url: str) -> list[Any]:
    html = one_tab.html(f"{url}/look", wait_for="#seen")
    return json.loads(html.partition('<pre id="seen">')[2].partition("</pre>")[0])


@pytest.mark.parametrize("when", ["late", "early"])
@pytest.mark.parametrize("haunt", [*HAUNTS, "all"])
def test_nothing_of_a_page_reaches_the_one_in_its_place(one_tab, site, haunt, when):
    url, _ = site
    for _ in range(5):
        assert "A</p>" in one_tab.html(f"{url}/{haunt}?{when}", wait_for="#end", wait_for_timeout=5)
        assert look(one_tab, url)[:2] == [CLEAN, CLEAN]


def test_a_page_has_no_history_of_others(one_tab, site):
    url, _ = site
    for _ in range(3):
        one_tab.html(f"{url}/plain?secret", wait_for="#done")
        assert look(one_tab, url)[2] <= 2
        one_tab.html(f"{url}/plain?secret", wait_for="#done")
        # By a redirect it is another site's, which Chromium does not hold.
        assert "plain" not in one_tab.html(f"{url}/elsewhere", wait_for="#done", wait=0.2)


def test_a_page_that_goes_elsewhere_as_it_ends_does_not_come_back(one_tab, site):
    url, _ = site
    for _ in range(5):
        one_tab.html(f"{url}/leaves", wait_for="#done")
        assert look(one_tab, url)[:2] == [CLEAN, CLEAN]


def test_the_same_url_is_loaded_anew_whatever_its_fragment(one_tab, site):
    url, hits = site
    for fragment in ("", "#a", "#b", "", "#b"):
        hits.clear()
        assert "plain" in one_tab.html(f"{url}/plain{fragment}", wait_for="#done")
        assert hits.count("/plain") == 1


def test_without_an_answer_there_is_nothing_of_the_page_before(one_tab, site):
    url, _ = site
    one_tab.html(f"{url}/plain", wait_for="#done")
    answer = one_tab.post("/render.json", url=f"{url}/hang", html=1, wait_for="#done", wait_for_timeout=0.3)
    assert answer.json["wait_for"] == "missing"
    assert urlsplit(answer.json["url"]).path != "/plain"
    assert "plain" not in answer.json["html"]
    one_tab.html(f"{url}/plain", wait_for="#done")
    assert one_tab.post("/render.html", url=f"{url}/nothing", wait_for="#done").status == 502
    one_tab.html(f"{url}/plain", wait_for="#done")
    assert one_tab.main("return splash:evaljs('document.URL + typeof own')") == "about:blankundefined"


@pytest.mark.parametrize(
    ("path", "stands"),
    [("plain", True), ("ticks", True), ("worker", False), ("frame", False), ("stores", False)],
)
def test_only_a_page_with_nothing_at_work_elsewhere_is_brought_to_rest(site, path, stands):
    url, _ = site

    async def run() -> list[bool]:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)
        seen: list[bool] = []

        async def work(tab: Tab) -> None:
            seen.append(tab.standstill.holds)
            assert await wait_for(tab, "#done", 5, tab.go(f"{url}/{path}"))

        await browser.start()
        try:
            for _ in range(3):
                await browser.render(work)
        finally:
            await browser.end()
        return seen

    assert asyncio.run(run())[1:] == [stands, stands]
