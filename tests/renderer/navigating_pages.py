"""A site whose pages navigate by themselves, keep something, or fail."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from tests.renderer.conftest import Site

KEEP = """
  document.cookie = 'k=1; path=/'; localStorage.k = 1; sessionStorage.k = 1; name = 'k'; own = 1;
  history.pushState(1, '', '?pushed');"""
PAGES = {
    "keeps": f"<p id=end>A</p><script>{KEEP}</script>",
    "ticks": f"<p id=end>A</p><script>setInterval(() => {{ fetch('/hit'); {KEEP} }}, 30)</script>",
    "listens": f"<p id=end>A</p><script>for (const kind of ['pagehide', 'freeze', 'visibilitychange'])"
    f"addEventListener(kind, () => {{ {KEEP} }}, true)</script>",
    "look": "<p id=end></p><script>document.querySelector('p').textContent = JSON.stringify([document.cookie, "
    "localStorage.length, sessionStorage.length, name, typeof own, history.length <= 2])</script>",
    "leaves": "<p id=end>first</p><script>location = '/target'</script>",
    "leaves-at-load": "<p id=end>first</p><script>onload = () => { location = '/target' }</script>",
    "leaves-soon": "<p id=end>first</p><script>onload = () => setTimeout(() => { location = '/target' }, 1)</script>",
    "posts": "<form method=post action=/target></form><p id=end>first</p><script>document.forms[0].submit()</script>",
    "downloads": "<p id=end>first</p><script>location = '/file'</script>",
    "target": "<p id=end>second</p>",
    "fragment": "<p id=end>first</p><script>location = '#there'</script>",
    "slow-tail": "<p id=end>read</p><script>onload = () => { document.title = 'lo' + 'aded' }</script><img src=/slow>",
}


class PlainSite(Site):
    """Serves the pages above."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        if path.isdecimal():
            return web.Response(status=int(path), text="<p id=end>error</p>", content_type="text/html")
        if path.startswith("to/"):
            raise web.HTTPFound("/" + path.removeprefix("to/"))
        if path == "refused":
            raise web.HTTPFound("http://127.0.0.1:9/closed")
        if path == "nothing":
            return web.Response(status=204)
        if path == "file":
            return web.Response(body=b"x", headers={"Content-Disposition": "attachment"})
        if path == "slow":
            await asyncio.sleep(0.5)
        if path == "echo":
            text = json.dumps(
                [
                    request.method,
                    request.headers.get("User-Agent"),
                    request.headers.get("X-A"),
                    request.headers.get("Cookie"),
                ]
            )
            return web.Response(text=f"<p id=end>{text}</p>", content_type="text/html")
        return web.Response(text=PAGES.get(path, ""), content_type="text/html")


NAVIGATING = ["leaves", "leaves-at-load", "leaves-soon", "posts", "downloads", "fragment", "to/leaves"]
