"""A page that is brought to rest and replaced by the next render's, with no empty one between, is no less gone."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from aiohttp import web

from renderer.browser import Browser
from renderer.chromium import Chromium, find_chromium
from renderer.tab import Tab
from renderer.wait_for import wait_for
from tests.processes import server
from tests.renderer.conftest import Client, Site

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
        disconnectedCallback() { leave('removed'); new Image().src = '/late-cookie?removed'; haunt(); }
      });
      document.documentElement.append(document.createElement('x-ghost'));
      const haunt = () => { addEventListener('pagehide', () => leave('added')); setInterval(leave, 1, 'late'); };
      new MutationObserver(() => { leave('mutation'); haunt(); })
        .observe(document, {childList: true, subtree: true});""",
    "poison": """
      Document.prototype.open = Document.prototype.close = () => leave('open');
      Object.defineProperty(self, 'name', { get: () => 'poisoned', set: () => leave('name'), configurable: true });
      EventTarget.prototype.removeEventListener = Node.prototype.removeChild = () => leave('remove');
      for (const name of ['append', 'setAttribute', 'hasAttribute']) Element.prototype[name] = () => leave(name);
      Document.prototype.createElement = Reflect.apply = () => leave('create');
      Object.defineProperty(Document.prototype, 'head', { get: () => leave('head') });""",
    "headless": """
      document.head.remove();
      addEventListener('pagehide', () => { leave('pagehide'); new Image().src = '/late-cookie?hide'; });""",
    "anew": """
      setTimeout(() => {
        document.open(); document.write('<p id=done>A</p><p id=end>A</p>'); document.close();
        for (const kind of ['pagehide', 'freeze', 'resume']) addEventListener(kind, () => {
          leave(kind); new Image().src = '/late-cookie?anew';
        }, true);
      }, 0);""",
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
OTHERS = {
    "look": LOOK,
    "back": "<script>history.back(); history.go(-2)</script><p id=done>back",
    "plain": "<p id=done>plain</p>",
    "empty": "",
    "own-stop": "<script>function stop() { fetch('/stop') }</script><p id=done>A</p>",
    "leaves": "<p id=done>A</p><script>setTimeout(() => { location = '/plain?left' }, 0)</script>",
}
CLEAN = ["", [], [], "", "undefined", "visible"]


class HauntedSite(Site):
    """Serves the pages above, and those that come after them."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
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
        if path == "runs":
            html = f"<body><script>{request.query['script']}</script><p id=done></p>"
            return web.Response(text=html, content_type="text/html")
        everything = "\n".join(f"{{{one}}}" for one in HAUNTS.values())
        script = everything if path == "all" else HAUNTS.get(path, "")
        haunted = f"<p id=done>A</p><script>{LEAVE}\n{script}</script><p id=end>A</p>"
        return web.Response(text=OTHERS.get(path, haunted), content_type="text/html")


@pytest.fixture(scope="module")
def site():
    with HauntedSite() as haunted:
        yield haunted


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
    url = site.url
    for _ in range(5):
        assert "A</p>" in one_tab.html(f"{url}/{haunt}?{when}", wait_for="#end", wait_for_timeout=5)
        assert look(one_tab, url)[:2] == [CLEAN, CLEAN]


def test_a_page_that_is_stopped_may_have_a_function_of_that_name(one_tab, site):
    assert ">A</p>" in one_tab.html(f"{site.url}/own-stop", wait_for="#done")
    assert "plain" in one_tab.html(f"{site.url}/plain", wait_for="#done", wait=0.1)
    assert site.hits["/stop"] == 0


def test_a_page_has_no_history_of_others(one_tab, site):
    url = site.url
    for _ in range(3):
        one_tab.html(f"{url}/plain?secret", wait_for="#done")
        assert look(one_tab, url)[2] <= 2
        one_tab.html(f"{url}/plain?secret", wait_for="#done")
        # By a redirect it is another site's, which Chromium does not hold.
        assert "plain" not in one_tab.html(f"{url}/elsewhere", wait_for="#done", wait=0.2)


def test_a_page_that_goes_elsewhere_as_it_ends_does_not_come_back(one_tab, site):
    url = site.url
    for _ in range(5):
        one_tab.html(f"{url}/leaves", wait_for="#done")
        assert look(one_tab, url)[:2] == [CLEAN, CLEAN]


def test_the_same_url_is_loaded_anew_whatever_its_fragment(one_tab, site):
    url = site.url
    for fragment in ("", "#a", "#b", "", "#b"):
        before = site.hits["/plain"]
        assert "plain" in one_tab.html(f"{url}/plain{fragment}", wait_for="#done")
        assert site.hits["/plain"] == before + 1


def test_without_an_answer_there_is_nothing_of_the_page_before(one_tab, site):
    url = site.url
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
    ("script", "stands"),
    [
        ("", True),
        ("setInterval(() => fetch('/empty'), 1); fetch('/late-cookie')", True),
        ("document.title = document.cookie + self.name + document.visibilityState", True),
        ("document.body.append(document.createElement('iframe'))", False),
        ("new Worker(URL.createObjectURL(new Blob([''])))", False),
        ("new WebSocket(`ws://${location.host}/`)", False),
        ("localStorage.a = 1", False),
        ("sessionStorage.setItem('a', 1)", False),
        ("document.cookie = 'a=1'", False),
        ("name = 'a'", False),
        ("var name = 'a'", False),
        ("indexedDB.open('a')", False),
        ("caches.open('a')", False),
        ("cookieStore.set('a', '1')", False),
        ("navigator.locks.request('a', () => new Promise(() => {}))", False),
        ("navigator.serviceWorker.register('/empty').catch(() => {})", False),
        ("navigator.storage.getDirectory()", False),
        (
            "Array.prototype[Symbol.iterator] = null; Function.prototype.call = null; localStorage.a = 1",
            False,
        ),
    ],
)
def test_only_a_page_with_nothing_at_work_elsewhere_is_brought_to_rest(site, script, stands):
    async def run() -> list[bool]:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)
        seen: list[bool] = []

        async def work(tab: Tab) -> None:
            seen.append(tab.standstill.holds)
            url = f"{site.url}/runs?{urlencode({'script': script, 'number': len(seen)})}"
            found, _ = await wait_for(tab, "#done", 5, tab.go(url))
            assert found

        await browser.start()
        try:
            for _ in range(3):
                await browser.render(work)
        finally:
            await browser.end()
        return seen

    assert asyncio.run(run())[1:] == [stands, stands]
