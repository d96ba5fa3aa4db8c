"""The pages that ``benchmarks.render`` measures renderers on; ``python -m benchmarks.render_site`` prints its port.

A page is ready when an element ``#ready`` appears. No response may be cached, so that each render requests all of them.
Scripts have the syntax of 2016, so that Splash can run them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

import uvloop

TAIL = 0.3  # seconds until the server sends the slow part of a page
HEAVY_BYTES = 60_000
LIBRARY_FUNCTIONS = 7_000  # 750 KB

READY = (
    "function ready() { var p = document.createElement('p'); p.id = 'ready'; document.body.appendChild(p); }"
)
_FETCH = f"""<script>{READY}
var request = new XMLHttpRequest();
request.onload = function () {{
  var rows = JSON.parse(request.responseText), list = document.getElementById('rows');
  for (var i = 0; i < rows.length; i++) {{
    var item = document.createElement('li'); item.textContent = rows[i]; list.appendChild(item);
  }}
  ready();
}};
// Chromium sends requests for the same URL one after the other.
request.open('GET', '%s' + location.search); request.send();
</script>"""
_LIST = "<!doctype html><html><head><title>Rows</title></head><body><ul id='rows'></ul>%s</body></html>"
_GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def _heavy() -> str:
    styles = "".join(f"<link rel='stylesheet' href='/style{n}.css'>" for n in range(4))
    images = "".join(f"<img src='/image{n}.gif'>" for n in range(8))
    scripts = "".join(f"<script src='/script{n}.js'></script>" for n in range(8))
    row = "<div class='row'><h2>A product</h2><p>What is said about it</p><span class='price'>10.99</span></div>"
    rows = row * (HEAVY_BYTES // len(row))
    head = f"<head><title>Heavy</title>{styles}</head>"
    return f"<!doctype html><html>{head}<body>{rows}{images}{scripts}<script>{READY} ready();</script></body></html>"


def _library() -> str:
    """Return the library of an application, which calls 500 of its functions."""
    body = "{{ var c = a + {n}; if (c > b) {{ return c * {n}; }} return [a, b, c].join('-'); }}"
    functions = (
        f"library.f{n} = function (a, b) " + body.format(n=n) + ";\n" for n in range(LIBRARY_FUNCTIONS)
    )
    return "var library = {};\n" + "".join(functions)


_APP = f"""<!doctype html><html><head><title>Application</title><script src='/library.js'></script></head><body><script>
{READY} for (var n = 0; n < 500; n++) library['f' + n](n, 7); ready();
</script></body></html>"""
_HTML = "text/html; charset=utf-8"
_PATHS: dict[str, tuple[str, bytes]] = {
    "/light": (_HTML, b"<!doctype html><html><body><h1>Light</h1><p id='ready'>done</p></body></html>"),
    "/heavy": (_HTML, _heavy().encode()),
    "/data": (_HTML, (_LIST % (_FETCH % "/rows.json")).encode()),
    "/tail": (_HTML, (_LIST % (_FETCH % "/slow.json")).encode()),
    "/app": (_HTML, _APP.encode()),
    "/library.js": ("text/javascript", _library().encode()),
    "/rows.json": ("application/json", json.dumps([f"row {n}" for n in range(50)]).encode()),
    "/slow.json": ("application/json", json.dumps([f"row {n}" for n in range(50)]).encode()),
}
_SUFFIXES: dict[str, tuple[str, bytes]] = {
    ".css": ("text/css", b".row { margin: 4px; padding: 2px; } .price { color: #a00; }"),
    ".gif": ("image/gif", _GIF),
    ".js": ("text/javascript", b"var seen = (window.seen || 0) + 1; /* " + b"x" * 2000 + b" */"),
}


class Site(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            asyncio.Transport, transport
        )  # uvloop's class does not derive from asyncio.Transport

    def data_received(self, data: bytes) -> None:
        for request in data.split(b"\r\n\r\n")[:-1]:
            path = request.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1")
            delay = TAIL if path == "/slow.json" else 0.0
            asyncio.get_running_loop().call_later(delay, self._transport.write, _answer(path))


def _answer(path: str) -> bytes:
    suffix = path[path.rfind(".") :] if "." in path else ""
    status, (kind, body) = "200 OK", _PATHS.get(path) or _SUFFIXES.get(suffix) or ("", b"")
    if not kind:
        status, kind = "404 Not Found", "text/plain"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n\r\n"
    )
    return head.encode() + body


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Site, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the parent process ends


if __name__ == "__main__":
    uvloop.run(main())  # fast, because the site shares the machine with the renderers
