"""A frozen page that the next page replaces directly leaves nothing to it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import pytest
from aiohttp import web
from PIL import Image

from renderer.chromium.cdp import Session, TargetGone
from renderer.chromium.process import Chromium, find_chromium
from renderer.network.load_state import PageLoad
from renderer.pool.browser import Browser
from renderer.render.options import ServerCapabilities, read_render
from renderer.render.render import render
from renderer.render.unheld_page import NavigatingSites
from renderer.render.wait_for import wait_for
from renderer.tab import mouse
from renderer.tab.drawing import Drawing
from renderer.tab.frozen_page import FrozenPage
from renderer.tab.script_errors import ScriptErrors
from renderer.tab.tab import Tab
from tests.renderer.conftest import Client, Site

# Scripts that try to leave something to the next page; each runs in a page of its own, and all run together in one.
HAUNTS = {
    "listeners": """
      for (const kind of ['beforeunload', 'pagehide', 'unload', 'visibilitychange', 'freeze', 'resume', 'popstate',
        'blur', 'focus', 'focusout', 'pageswap'])
        for (const target of [self, document]) target.addEventListener(kind, () => leave(kind), true);
      self.onunload = () => leave('onunload'); self.navigation.onnavigate = () => leave('navigate');""",
    "timers": "setInterval(() => leave('timer'), 1);",
    "frames": """
      const frame = () => { leave('frame'); requestAnimationFrame(frame); };
      frame();
      const idle = () => { leave('idle'); requestIdleCallback(idle); };
      idle();
      new ResizeObserver(() => leave('resize')).observe(document.documentElement);
      new IntersectionObserver(() => leave('intersection')).observe(document.documentElement);
      document.documentElement.animate([{ opacity: 0 }, { opacity: 1 }], 50).onfinish = () => leave('finish');
      const field = document.body.appendChild(document.createElement('input'));
      field.onblur = () => leave('field');
      field.focus();""",
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
# An "early" page stores things while it is shown. A "late" page stores nothing before the tab empties it, so that the
# renderer cannot know it beforehand.
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
    "red": "<body style='background: #f00'><i id=done></i>",
    "white": "<i id=done></i>",
    "empty": "",
    "own-stop": "<script>function stop() { fetch('/stop') }</script><p id=done>A</p>",
    "pushes": "<p id=done>A</p><script>for (let n = 0; n < 7; n++) history.pushState(n, '', `?${n}`)</script>",
    "counts": "<script>document.write(`<p id=done>${history.length}</p>`)</script>",
    "leaves": "<p id=done>A</p><script>setTimeout(() => { location = '/plain?left' }, 0)</script>",
}
CLEAN = ["", [], [], "", "undefined", "visible"]


class LeakySite(Site):
    """Serves the pages above, and the pages that replace them."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        if path == "late-cookie":
            await asyncio.sleep(0.3)
            return web.Response(headers={"Set-Cookie": "late=1; Path=/"})
        if path == "elsewhere":
            raise web.HTTPFound(f"http://localhost:{request.url.port}/{request.query.get('to', 'back')}")
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
def site() -> Iterator[LeakySite]:
    with LeakySite() as haunted:
        yield haunted


def look(one_tab: Client, url: str) -> list[Any]:
    html = one_tab.html(f"{url}/look", wait_for="#seen")
    seen: list[Any] = json.loads(html.partition('<pre id="seen">')[2].partition("</pre>")[0])
    return seen


# With a wait of a tenth of a second a page is drawn.
@pytest.mark.parametrize(("when", "wait"), [("late", 0.0), ("early", 0.0), ("late", 0.1)])
@pytest.mark.parametrize("haunt", [*HAUNTS, "all"])
def test_nothing_of_a_frozen_page_reaches_the_page_that_replaces_it(
    one_tab: Client, site: LeakySite, haunt: str, when: str, wait: float
) -> None:
    url = site.url
    for _ in range(5):
        page = one_tab.html(f"{url}/{haunt}?{when}", wait_for="#end", wait_for_timeout=5, wait=wait)
        assert "A</p>" in page
        assert look(one_tab, url)[:2] == [CLEAN, CLEAN]


def test_a_picture_shows_nothing_of_a_drawn_page_before_it(one_tab: Client, site: LeakySite) -> None:
    one_tab.html(f"{site.url}/white", wait=0.1)
    wanted = colours(one_tab, f"{site.url}/white")
    for _ in range(10):
        for arguments in ({"wait": 0.1}, {"wait_for": "#done", "wait": 0.1}):
            assert colours(one_tab, f"{site.url}/red", **arguments) == {(255, 0, 0)}
            one_tab.html(f"{site.url}/red", **arguments)
            assert colours(one_tab, f"{site.url}/white") == wanted == {(255, 255, 255)}


def colours(client: Client, url: str, **arguments: Any) -> set[Any]:
    """Return the colours of a picture of the page."""
    picture = Image.open(BytesIO(client.get("/render.png", url=url, **arguments).body)).convert("RGB")
    return {colour for _, colour in picture.getcolors() or []}


def test_the_renderer_does_not_call_a_page_s_own_function_stop(one_tab: Client, site: LeakySite) -> None:
    assert ">A</p>" in one_tab.html(f"{site.url}/own-stop", wait_for="#done")
    assert "plain" in one_tab.html(f"{site.url}/plain", wait_for="#done", wait=0.1)
    assert site.hits["/stop"] == 0


def test_a_page_has_no_history_of_other_renders(one_tab: Client, site: LeakySite) -> None:
    url = site.url
    for _ in range(3):
        one_tab.html(f"{url}/plain?secret", wait_for="#done")
        assert look(one_tab, url)[2] <= 2
        one_tab.html(f"{url}/plain?secret", wait_for="#done")
        # The redirect leads to another site, whose document Chromium does not freeze. It may leave its own page.
        html = one_tab.html(f"{url}/elsewhere", wait_for="#done", wait_for_timeout=2, wait=0.2)
        assert "plain" not in html


@pytest.mark.parametrize("before", ["plain", "pushes"])
def test_a_page_of_another_site_cannot_count_the_pages_of_other_renders(
    one_tab: Client, site: LeakySite, before: str
) -> None:
    for _ in range(3):
        one_tab.html(f"{site.url}/plain", wait_for="#done")
        one_tab.html(f"{site.url}/{before}", wait_for="#done")
        html = one_tab.html(f"{site.url}/elsewhere?to=counts", wait_for="#done")
        assert int(html.partition('<p id="done">')[2].partition("<")[0]) <= 2


def test_a_page_that_navigates_at_its_end_does_not_come_back(one_tab: Client, site: LeakySite) -> None:
    url = site.url
    for _ in range(5):
        one_tab.html(f"{url}/leaves", wait_for="#done")
        assert look(one_tab, url)[:2] == [CLEAN, CLEAN]


def test_the_same_url_is_loaded_again_with_any_fragment(one_tab: Client, site: LeakySite) -> None:
    url = site.url
    for fragment in ("", "#a", "#b", "", "#b"):
        before = site.hits["/plain"]
        assert "plain" in one_tab.html(f"{url}/plain{fragment}", wait_for="#done")
        assert site.hits["/plain"] == before + 1


def test_a_page_without_a_response_shows_nothing_of_the_page_before(one_tab: Client, site: LeakySite) -> None:
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


@pytest.fixture(scope="module")
def browser() -> Iterator[tuple[asyncio.Runner, Browser]]:
    """Yield a browser with one slot, and the runner of its event loop."""
    with asyncio.Runner() as runner:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)
        runner.run(browser.start())
        try:
            yield runner, browser
        finally:
            runner.run(browser.end())


@pytest.mark.parametrize(
    ("script", "is_frozen"),
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
def test_a_tab_freezes_only_pages_without_work_elsewhere(
    browser: tuple[asyncio.Runner, Browser], site: LeakySite, script: str, is_frozen: bool
) -> None:
    runner, chromium = browser
    seen: list[bool] = []

    async def work(tab: Tab) -> None:
        seen.append(tab.frozen_page.is_frozen)
        url = f"{site.url}/runs?{urlencode({'script': script, 'number': len(seen)})}"
        assert await wait_for(tab, "#done", 5, tab.go(url)) is not None

    for _ in range(3):
        runner.run(chromium.render(work))
    assert seen[1:] == [is_frozen, is_frozen]  # the first one is about the page before


@pytest.mark.parametrize("has_mouse", [False, True])
def test_a_tab_freezes_a_drawn_page_that_got_no_mouse_events(
    browser: tuple[asyncio.Runner, Browser], site: LeakySite, has_mouse: bool
) -> None:
    runner, chromium = browser
    seen: list[bool] = []

    async def work(tab: Tab) -> None:
        seen.append(tab.frozen_page.is_frozen)
        await tab.go(f"{site.url}/plain?drawn{len(seen)}")
        tab.drawing.start()
        if has_mouse:
            await mouse.hover(tab, 1, 1)

    for _ in range(3):
        runner.run(chromium.render(work))
    assert seen[1:] == [not has_mouse] * 2  # the first one is about the page before


def thaw_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Chromium answer late that the document runs: on a busy machine the page's element comes before."""
    thaw = FrozenPage.thaw

    async def late(page: FrozenPage) -> None:
        await page._session.call("Page.setWebLifecycleState", {"state": "active"})
        await asyncio.sleep(0.5)
        await thaw(page)

    monkeypatch.setattr(FrozenPage, "thaw", late)


@pytest.mark.parametrize("endpoint", ["html", "json"])
def test_a_page_stays_whose_element_comes_before_it_is_thawed(
    browser: tuple[asyncio.Runner, Browser],
    site: LeakySite,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
) -> None:
    runner, chromium = browser

    def result(path: str) -> tuple[Any, dict[str, str]]:
        arguments: dict[str, Any] = {"url": f"{site.url}/{path}", "timeout": 20, "wait_for": "#done"}
        if endpoint == "json":
            arguments |= {"html": 1, "js_source": "document.getElementById('done').title = 'read'"}
        options = read_render(arguments, 20, ServerCapabilities())

        async def work(tab: Tab) -> tuple[Any, str, dict[str, str]]:
            return await render(tab, endpoint, options, NavigatingSites())

        content, _, headers = runner.run(chromium.render(work))
        return content, headers

    stores = urlencode({"script": "for (const one of [localStorage, sessionStorage]) one.a = 1"})
    finds = urlencode({"script": "document.title = localStorage.length + sessionStorage.length"})
    result("plain")
    thaw_late(monkeypatch)
    content, headers = result(f"runs?{stores}")
    monkeypatch.undo()
    assert headers["X-Splashdown-Url"].startswith(f"{site.url}/runs")
    html = content["html"] if endpoint == "json" else content
    assert 'id="done"' in str(html) and ('title="read"' in str(html)) is (endpoint == "json")
    content, _ = result(f"runs?{finds}")
    assert "<title>0</title>" in str(content)


def test_a_page_without_its_load_event_is_thawed(
    browser: tuple[asyncio.Runner, Browser], site: LeakySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, chromium = browser

    async def work(tab: Tab) -> tuple[bool, str]:
        loading = asyncio.create_task(tab.go(f"{site.url}/plain?again"))
        while not tab.load.documents:
            await tab.load.changed()
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        assert tab.frozen_page.is_frozen
        await tab.start_empty()
        return tab.frozen_page.is_frozen, tab.load.url

    runner.run(chromium.render(lambda tab: tab.go(f"{site.url}/plain")))
    thaw_late(monkeypatch)
    is_frozen, url = runner.run(chromium.render(work))
    assert not is_frozen and url.startswith(f"{site.url}/plain?")


@pytest.mark.parametrize(
    "script", ["close()", "window.close.call(top)", "self.onload = () => parent.close()"]
)
def test_a_page_does_not_close_a_tab_whose_history_has_one_entry(
    browser: tuple[asyncio.Runner, Browser], site: LeakySite, script: str
) -> None:
    runner, chromium = browser
    attempts: list[str] = []

    async def work(tab: Tab) -> str:
        attempts.append(tab.target_id)
        await tab.go(f"{site.url}/runs?{urlencode({'script': script, 'number': len(attempts)})}")
        await tab.stay(0.2)
        return await tab.document.html()

    for number in (1, 2, 3):
        assert 'id="done"' in runner.run(chromium.render(work))
        assert len(attempts) == number


def test_an_empty_page_forgets_no_origin_whose_document_came_late() -> None:
    load = PageLoad("frame")
    for loader, url in (("1", "http://site.example/"), ("2", "about:blank")):
        load.on_frame_navigated({"frame": {"id": "frame", "loaderId": loader, "url": url}})
    load.forget_documents()
    assert not load.documents and load.departed_origins == {"http://site.example"}
    load.forget()
    assert not load.departed_origins


def test_a_document_that_replaces_a_frozen_page_unasked_disturbs_it() -> None:
    page = FrozenPage(cast(Session, None), "frame")
    page.url = "http://site.example/"
    page.on_document()
    assert not page.is_undisturbed
    page.forget()
    page._is_replaced = False
    page.expect_document()
    page.on_document()
    assert page.is_undisturbed


@pytest.mark.parametrize("event", ["_content_read", "_load_event_fired"])
def test_events_of_a_new_document_start_the_drawing_before_the_tab_is_thawed(event: str) -> None:
    """Without the drawing, a scrolled page gets no scroll events; events of the frozen page do not start it."""
    started: list[str] = []
    tab = Tab.__new__(Tab)
    tab.load = cast(PageLoad, SimpleNamespace(on_content_read=print, on_load_event=print))
    tab.drawing = cast(
        Drawing,
        SimpleNamespace(
            on_content_read=lambda: started.append(event), on_load_event=lambda: started.append(event)
        ),
    )
    tab.frozen_page = FrozenPage(cast(Session, None), "frame")
    tab.frozen_page.url = "http://site.example/"
    getattr(tab, event)({})
    assert started == []
    tab.frozen_page.on_document()
    getattr(tab, event)({})
    assert started == [event] and tab.frozen_page.is_frozen


def test_errors_of_a_frozen_page_are_not_those_of_the_next_render() -> None:
    page = FrozenPage(cast(Session, None), "frame")
    page.url = "http://site.example/"
    session = SimpleNamespace(on=lambda *_: None, send=lambda *_: None)
    errors = ScriptErrors(
        cast(Tab, SimpleNamespace(session=session, frozen_page=page, override=lambda *_: None))
    )
    event = {"exceptionDetails": {"text": "x", "lineNumber": 0}}
    errors._add(event)
    assert errors.errors == []
    page.on_document()
    errors._add(event)
    assert len(errors.errors) == 1


class HistorySession:
    """A session without Chromium, whose tab has these entries in its history each time that it is cleared."""

    def __init__(self, *entries: list[int]) -> None:
        self._entries = list(entries)
        self.commands: list[str] = []

    def send(self, method: str, _: object = None) -> asyncio.Future[dict[str, Any]]:
        self.commands.append(method)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        is_history = method == "Page.getNavigationHistory"
        answer.set_result({"entries": [{"id": one} for one in self._entries.pop(0)]} if is_history else {})
        return answer

    async def call(self, method: str, parameters: object) -> dict[str, Any]:
        return await self.send(method, parameters)


def test_a_page_is_thawed_when_the_entry_of_the_page_before_is_gone() -> None:
    async def run() -> None:
        # Chromium adds the entry of the new document after the first try.
        session = HistorySession([1], [1], [2])
        page = FrozenPage(cast(Session, session), "frame")
        await page.freeze("http://site.example/")
        await page.clear_history()
        page.expect_document()
        page.on_document()
        await page.thaw()
        assert session.commands[-5:] == [
            *("Page.resetNavigationHistory", "Page.getNavigationHistory") * 2,
            "Page.setWebLifecycleState",
        ]

    asyncio.run(run())


def test_a_frozen_page_that_adds_to_the_history_is_disturbed() -> None:
    async def run() -> None:
        page = FrozenPage(cast(Session, HistorySession([1], [2])), "frame")
        await page.freeze("http://site.example/")
        page.on_navigation_within_document()  # an event from before the freeze
        await page.clear_history()
        assert page.is_undisturbed
        page.on_navigation_within_document()
        assert not page.is_undisturbed
        with pytest.raises(TargetGone):
            await page.thaw()

    asyncio.run(run())
