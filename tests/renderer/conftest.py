"""A site with small pages of every kind, and a client that sends requests to the renderer as scrapy-splash does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import web

from tests.processes import server

PIXEL = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b"
)
LATE = "<!doctype html><title>Late</title><p id=p>waiting</p><script>setTimeout(() => {%s}, 60)</script>"
KEEPER = """<!doctype html><title>Keeper</title><script>
  const seen = [document.cookie, localStorage.getItem('k'), sessionStorage.getItem('k'), window.name];
  document.cookie = 'k=1; path=/'; localStorage.setItem('k', '1'); sessionStorage.setItem('k', '1');
  window.name = 'k';
  indexedDB.databases().then(list => {
    seen.push(String(list.length));
    const opening = indexedDB.open('k');
    opening.onsuccess = () => {
      opening.result.close();
      navigator.serviceWorker.getRegistrations().then(workers => {
        seen.push(String(workers.length));
        return navigator.serviceWorker.register('/worker.js');
      }).then(() => caches.keys()).then(keys => {
        seen.push(String(keys.length));
        return caches.open('k');
      }).then(() => {
        const p = document.createElement('p');
        p.id = 'seen';
        p.textContent = JSON.stringify(seen);
        document.documentElement.append(p);
      });
    };
  });
</script><img src=/cached.gif>"""

# Reports the events of its images, and the state of the first one at the load event.
IMAGES = """<!doctype html><p id=report></p><script>
function note(text) { document.getElementById('report').textContent += text + ';'; }
window.onload = function () { note('page ' + document.images[0].complete + document.images[0].naturalWidth); };
var loose = new Image();
loose.onload = function () { note('loose'); };
loose.onerror = function () { note('no loose'); };
loose.src = '/pixel.gif';
</script><img src=/pixel.gif onload="note('image')" onerror="note('no image')">
<input type=image src=/pixel.gif onload="note('input')"><div style="background: url(/pixel.gif)">x</div>"""

PAGES = {
    "/images": IMAGES,
    "/plain": "<!doctype html><title>Plain</title><p id=p>plain</p>",
    "/late": LATE % "p.textContent = 'by script'; p.className = 'ready'",
    "/much-later": "<p id=p>waiting</p><script>setTimeout(() => { p.textContent = 'by script' }, 9000)</script>",
    "/keeper": KEEPER,
    "/alerts": "<title>A</title><p id=p></p><script>for (let i = 0; i < 20; i++) { alert(i); }"
    "p.textContent = String(confirm('?')) + prompt('?')</script>",
    "/popup": "<title>P</title><p id=p></p><script>const w = window.open('/plain');"
    "p.textContent = String(w)</script>",
    "/loop": "<title>L</title><script>setTimeout(() => { while (true) {} }, 30)</script>",
    "/framed": "<title>F</title><iframe src=/plain name=inner></iframe>",
    "/local-frame": "<title>F</title><iframe src='file:///etc/passwd'></iframe>"
    "<script>setTimeout(() => { location = 'file:///etc/passwd'; }, 10)</script>",
    "/never": "<title>N</title><p id=p>here</p><img src=/hang.gif>",
    "/meta": "<meta http-equiv=refresh content='0; url=/plain'><title>M</title>",
    "/refresh-dot": "<meta http-equiv=refresh content='.9;url=/plain'><title>R</title>",
    "/refresh-quoted": '<META HTTP-EQUIV="REFRESH" CONTENT="0.9; URL=\'/plain\'"><title>R</title>',
    "/refresh-itself": "<meta http-equiv=refresh content='0.1'><p id=p></p><script>"
    "p.className = sessionStorage.seen || 'first'; sessionStorage.seen = 'again'</script>",
    "/broken-redirect": "<script>setTimeout(() => { location = 'http://127.0.0.1:9/' }, 30)</script>",
    "/form": "<title>Form</title><form action=/echo method=post><input id=i name=i><button id=b>Go</button></form>",
    "/lazy-and-slow": "<img loading=lazy src=/lazy.gif><img src=/slow.gif>",
    "/image": "<title>I</title><img id=i src=/pixel.gif>",
    "/strict": "<!doctype html><title>Strict</title><p id=p>strict</p>",
    "/tall": "<body style='margin:0'><div style='height:3000px'>tall</div>",
    "/closes": "<title>C</title><script>window.close()</script><p id=p>still here</p>",
    "/throws": "<p id=p>shown</p><script>\n\nnull.price</script><script>throw 'plain ' + 'text'</script>",
    "/shadow": "<title>S</title><p is=x>light</p><div id=host></div><script>"
    "const root = host.attachShadow({mode: 'open'}); root.innerHTML = '<b>dark</b><i></i>';"
    "root.querySelector('i').attachShadow; const inner = document.createElement('span'); root.append(inner);"
    "inner.attachShadow({mode: 'open'}).innerHTML = '<u>deep</u>'</script>",
    "/storage": "<p></p><script>const shown = [localStorage.getItem('a'), sessionStorage.getItem('b')];"
    "document.querySelector('p').textContent = shown.join(' '); localStorage.setItem('c', 'new');"
    "if (location.search === '?out' && localStorage.getItem('a')) {"
    "localStorage.removeItem('a'); location.search = '?again' } else document.body.id = 'end'</script>",
    "/late-shadow": "<title>L</title><x-list></x-list><script>setTimeout(() => {"
    "const root = document.querySelector('x-list').attachShadow({mode: 'open'});"
    "setTimeout(() => { root.innerHTML = '<x-item></x-item>';"
    "root.firstChild.attachShadow({mode: 'open'}).innerHTML = '<h2>deep</h2>' }, 100) }, 100)</script>",
    "/endless": "<title>E</title><ul id=l></ul><script>let n = 0; const more = () => {"
    "for (let i = 0; i < 20 && n < 70; i++) { const li = document.createElement('li');"
    "li.textContent = 'item ' + n++; li.style.height = '60px'; l.append(li); } }; more();"
    "addEventListener('scroll', () => { if (innerHeight + scrollY >= document.body.scrollHeight - 5)"
    "setTimeout(more, 150); })</script>",
    "/lazy-pictures": "<title>L</title><div id=l></div><script>for (let i = 0; i < 60; i++) l.insertAdjacentHTML("
    "'beforeend', `<p class=row style='height:90px'>row ${i}<img data-src=/x.gif></p>`);"
    "addEventListener('scroll', () => document.querySelectorAll('img[data-src]').forEach(picture => {"
    "if (picture.getBoundingClientRect().top < innerHeight) { picture.src = picture.dataset.src;"
    "picture.removeAttribute('data-src') } }))</script>",
    "/windowed": "<title>W</title><div id=box style='height:200px;overflow-y:auto'>"
    "<div id=tall style='height:4000px;position:relative'></div></div><script>"
    "const rows = [...Array(8)].map(() => tall.appendChild(document.createElement('p')));"
    "const draw = () => { const first = Math.floor(box.scrollTop / 40); rows.forEach((row, i) => {"
    "row.textContent = 'row ' + Math.min(first + i, 99); row.className = 'row';"
    "row.style.cssText = `position:absolute;margin:0;top:${(first + i) * 40}px` }) };"
    "draw(); box.addEventListener('scroll', draw)</script>",
    "/green": "<body style='background:#00ff77'>",
    "/split": "<body style='margin:0;background:linear-gradient(to right,#f00 50%,#00f 50%)'>",
    "/long": "<body style='margin:0'><div style='height:44900px;background:#0f0'></div>"
    "<div style='height:100px;background:#00f'></div>",
    "/huge": "<div style='height:2000000px'></div>",
    "/leaves": "<title>Leaves</title><script>location = '/plain'</script>",
    "/leaves-at-load": "<title>Leaves</title><script>onload = () => { location = '/plain' }</script>",
    "/leaves-later": "<title>Leaves</title><img src=/slow.gif><script>location = '/plain'</script>",
    "/frame-at-load": "<title>F</title><script>onload = () => {"
    "document.body.append(Object.assign(document.createElement('iframe'), {src: '/slow'})) }</script>",
    "/plays": "<p id=p></p><script>const video = document.createElement('video'); video.src = '/nothing';"
    "video.play().catch(() => { p.className = 'refused' }); new Audio('/nothing').pause()</script>",
    "/sound": "<title>S</title><audio src=/sound.wav preload=auto></audio>",
    "/leaves-in-vain": "<img src=/slow.gif><script>location = 'http://no-such-host.invalid/'</script>",
    "/hostile": "<title>H</title><img src=x onerror='top.hacked = parent.hacked = window.hacked = 1'>"
    "<script>try { top.hacked = 1 } catch (e) {}</script></pre></iframe><script>hacked = 1</script>",
    "/go-on": "<title>First</title><script>location = '/plain'</script>",
    "/draws": "<body style='margin:0'><title>D</title><canvas id=c width=100 height=100></canvas>"
    "<style>@keyframes k { to { opacity: 0 } } #k { animation: k 50ms }</style><b id=k>k</b>"
    "<div style='height:30px;overflow:auto' id=s><div style='height:900px'></div></div>"
    "<div style='height:200px'></div><img id=i loading=lazy src=/pixel.gif><script>"
    "const seen = new Set(), see = what => { seen.add(what); document.body.className = [...seen].sort().join(' ') };"
    "const frame = n => { if (n) { requestAnimationFrame(() => frame(n - 1)) } else {"
    "const ink = c.getContext('2d'); ink.fillStyle = '#f0f'; ink.fillRect(0, 0, 100, 100); see('frames') } };"
    "frame(5); k.addEventListener('animationend', () => see('animated')); i.onload = () => see('lazy');"
    "new IntersectionObserver(() => see('intersected')).observe(i);"
    "new ResizeObserver(() => see('resized')).observe(s);"
    "s.onscroll = () => see('scrolled'); s.scrollTop = 50; document.onmousemove = () => see('moved')</script>",
    "/hanging-script": "<ul><li>entry 0<script src=/hang></script><li>entry 3",
    "/opened-anew": "<script>onload = () => setTimeout(() => { document.open(); document.write('<ul><li>entry 0'"
    " + '<script src=/nothing.js></' + 'script><li>entry 1'); document.close();"
    " setInterval(() => document.body.append(document.createElement('hr')), 50) }, 100)</script>",
    "/hanging-and-busy": "<ul><li>entry 0<script>setInterval(() => { document.title = Math.random(); }, 50)</script>"
    "<script src=/hang></script><li>entry 3",
    "/cookie-and-away": "<script>document.cookie = 'by=script'; location = '/sent-cookies'</script>",
    "/asks-on": "<script>onload = () => setInterval(() => fetch('/plain?secret'), 2)</script>",
    "/scripted": "<head><script src=/script.js></script>",
    "/quiet": "<script>console.log = console.warn = () => {}</script>",
    "/console": "<script>console.log('one', 2, {a: 1})</script>",
}


class Site(ABC):
    """A web site on a thread of its own, which counts its requests by path."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.url = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._count)
        runner = web.AppRunner(app, access_log=None)
        self._loop.run_until_complete(runner.setup())
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self._loop.run_until_complete(web.SockSite(runner, listener).start())
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        hanging = asyncio.all_tasks(self._loop)
        for task in hanging:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*hanging, return_exceptions=True))

    async def _count(self, request: web.Request) -> web.StreamResponse:
        self.hits[request.path] += 1
        return await self.answer(request)

    @abstractmethod
    async def answer(self, request: web.Request) -> web.StreamResponse: ...


class Pages(Site):
    """The pages that most tests render."""

    def __init__(self) -> None:
        super().__init__()
        self.last_headers: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in PAGES:
            self.last_headers = dict(request.headers)
            headers = {}
            if path == "/strict":
                headers["Content-Security-Policy"] = "default-src 'none'; require-trusted-types-for 'script'"
            return web.Response(text=PAGES[path], content_type="text/html", headers=headers)
        match path:
            case "/cached.gif":
                return web.Response(
                    body=PIXEL, content_type="image/gif", headers={"Cache-Control": "max-age=3600"}
                )
            case "/pixel.gif":
                return web.Response(body=PIXEL, content_type="image/gif")
            case "/worker.js":
                return web.Response(text="", content_type="text/javascript")
            case "/slow.gif" | "/slow":
                await asyncio.sleep(0.3)
                return web.Response(text="<p>slow</p>", content_type="text/html")
            case "/hang" | "/hang.gif":
                await asyncio.sleep(60)
                return web.Response(text="late")
            case "/in-pieces" | "/in-many-pieces":
                response = web.StreamResponse(headers={"Content-Type": "text/html"})
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):  # the client has disconnected
                    for n in range(4 if request.path == "/in-pieces" else 60):
                        await response.write(f"<ul><li>entry {n}</ul>{' ' * 2000}".encode())
                        await asyncio.sleep(0.2)
                return response
            case "/redirect":
                raise web.HTTPFound("/plain")
            case "/script.js":
                text = "function scripted() { return 'from afar' }"
                return web.Response(text=text, content_type="text/javascript")
            case "/to-script":
                raise web.HTTPFound("/script.js")
            case "/echo":
                body = await request.text()
                text = json.dumps({"method": request.method, "body": body, "headers": dict(request.headers)})
                return web.Response(text=text, content_type="text/plain")
            case "/late-cookie":
                await asyncio.sleep(0.4)
                response = web.Response(text="late")
                response.set_cookie("late", "yes")
                return response
            case "/sent-cookies":
                sent = json.dumps(dict(request.cookies))
                return web.Response(text=f"<p id=sent>{sent}</p>", content_type="text/html")
            case "/cookie":
                response = web.Response(text="<p>cookie</p>", content_type="text/html")
                response.set_cookie("from", "server")
                return response
        return web.Response(status=404, text="<title>Nope</title><p>no page</p>", content_type="text/html")


@dataclass(frozen=True)
class Answer:
    """The renderer's answer to a request; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests to a renderer and returns its answers, also those with an error status."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **arguments: Any) -> Answer:
        query = urllib.parse.urlencode(arguments)
        return self._send(urllib.request.Request(f"{self.url}{path}?{query}"))

    def post(
        self, path: str, content_type: str = "application/json", data: bytes | None = None, **arguments: Any
    ) -> Answer:
        body = json.dumps(arguments).encode() if data is None else data
        request = urllib.request.Request(
            f"{self.url}{path}", data=body, headers={"Content-Type": content_type}
        )
        return self._send(request)

    def send(self, path: str, headers: dict[str, str]) -> Answer:
        return self._send(urllib.request.Request(f"{self.url}{path}", headers=headers))

    def html(self, url: str, **arguments: Any) -> str:
        """Return the HTML of a page; fail if the status is not 200."""
        answer = self.post("/render.html", url=url, **arguments)
        assert answer.status == 200, answer.text
        return answer.text

    def execute(self, lua: str, **arguments: Any) -> Any:
        """Return the result of a script, decoded if it is JSON; fail if the status is not 200."""
        answer = self.post("/execute", lua_source=lua, **arguments)
        assert answer.status == 200, answer.text
        return answer.json if answer.headers["content-type"].startswith("application/json") else answer.text

    def main(self, body: str, **arguments: Any) -> Any:
        """Return the result of a script whose main function has this body."""
        return self.execute(f"function main(splash, args)\n{body}\nend", **arguments)

    def script_error(self, body: str, **arguments: Any) -> dict[str, Any]:
        """Return the field ``info`` of the error of a script whose main function has this body."""
        lua = f"function main(splash, args)\n{body}\nend"
        answer = self.post("/execute", lua_source=lua, **arguments)
        assert answer.status == 400, answer.text
        assert answer.json["type"] == "ScriptError"
        info: dict[str, Any] = answer.json["info"]
        return info

    def _send(self, request: urllib.request.Request) -> Answer:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return Answer(response.status, _lower(response.headers), response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, _lower(error.headers), error.read())


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.fixture(scope="session")
def pages() -> Iterator[Pages]:
    with Pages() as site:
        yield site


@pytest.fixture
def splash(chromium_renderer: str) -> Client:
    return Client(chromium_renderer)


@pytest.fixture
def both(renderer: str) -> Client:
    """A client of the renderer and one of a real Splash, in turn: a test with it must pass with both."""
    return Client(renderer)


@pytest.fixture(scope="module")
def one_tab() -> Iterator[Client]:
    """A client of a renderer whose renders all use the same tab."""
    with server("renderer", "--port", "0", "--exit-with-stdin", "--slots", "1") as url:
        yield Client(url)


@pytest.fixture
def a_closed_port() -> Iterator[int]:
    """Yield a port that refuses connections, and that no other process can take meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


ROOT = Path(__file__).parent.parent.parent
