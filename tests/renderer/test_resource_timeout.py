"""``resource_timeout``: only a request that takes too long is aborted; all others are the same as without a limit."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.renderer.conftest import Client, Pages, Site

# Requests of a page's script by name; the value of each is what the script reads from the response.
ASKED = """{
  text: () => fetch('/compressed').then(r => r.text()).then(t => t.length),
  cookies: () => fetch('/set').then(() => fetch('/cookies')).then(r => r.text()),
  none: () => fetch('/cookies', {credentials: 'omit'}).then(r => r.text()),
  redirect: () => fetch('/redirect').then(async r => [r.redirected, r.url.slice(-8), await r.text()]),
  status: () => fetch('/404').then(async r => [r.status, r.statusText, await r.text()]),
  empty: () => fetch('/204').then(r => r.status),
  post: () => fetch('/echo', {method: 'POST', body: 'a=1', headers: {'X-Own': '1'}}).then(r => r.json()),
  bytes: () => fetch('/echo', {method: 'POST', body: new Uint8Array([0, 255, 128])}).then(r => r.json()),
  form: () => { const f = new FormData(); f.append('q', 'x');
    return fetch('/echo', {method: 'POST', body: f}).then(r => r.json()).then(j => [j.method, j.type.slice(0, 19)]) },
  head: () => fetch('/echo', {method: 'HEAD'}).then(async r => [r.status, await r.text()]),
  other: () => fetch(other + '/echo', {headers: {'X-Own': '2'}}).then(r => r.json()),
  refused: () => fetch(other + '/cookies').then(r => r.text()),
  opaque: () => fetch(other + '/cookies', {mode: 'no-cors'}).then(r => r.type),
  large: () => fetch('/large').then(r => r.text()).then(t => t.length),
  at_once: () => { const x = new XMLHttpRequest(); x.open('GET', '/echo', false); x.send();
    return Promise.resolve(JSON.parse(x.responseText)) },
  picture: () => new Promise(r => { const i = new Image(); i.onload = () => r('is'); i.onerror = () => r('is not');
    i.src = '/404' }),
  given_up: () => { const c = new AbortController();
    const p = fetch('/cookies', {signal: c.signal}).then(() => 'done', e => e.name); c.abort(); return p },
}"""
SCRIPT = f"""
    splash.resource_timeout = args.limit
    splash:go(args.url .. "/page")
    return splash:wait_for_resume([[function main(splash) {{
      const other = location.origin.replace('127.0.0.1', 'localhost'), asked = {ASKED}, answers = {{}};
      (async () => {{
        for (const name in asked) {{
          try {{ answers[name] = await asked[name]() }} catch (e) {{ answers[name] = 'E ' + e }}
        }}
        splash.resume(answers);
      }})();
    }}]])
"""


class _Answers(Site):
    async def answer(self, request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/page":
                return web.Response(
                    text="<p>page", content_type="text/html", headers={"Set-Cookie": "a=1; HttpOnly"}
                )
            case "/compressed":
                return web.Response(body=gzip.compress(b"hello" * 100), headers={"Content-Encoding": "gzip"})
            case "/set":
                return web.Response(text="", headers={"Set-Cookie": "b=2; Path=/; HttpOnly"})
            case "/cookies":
                return web.Response(text=json.dumps(dict(request.cookies)))
            case "/redirect":
                raise web.HTTPFound("/cookies")
            case "/204":
                return web.Response(status=204)
            case "/large":
                return web.Response(body=b"x" * 3_000_000)
            case "/echo":
                echo: dict[str, Any] = {"method": request.method, "body": list(await request.read())}
                echo |= {"type": request.headers.get("Content-Type"), "own": request.headers.get("X-Own")}
                echo |= {name: request.headers.get(name) for name in ("Referer", "Origin", "Accept")}
                allowed = {f"Access-Control-Allow-{what}": "*" for what in ("Origin", "Headers", "Methods")}
                return web.json_response(echo, headers=allowed)
        return web.Response(status=404, text="nothing")


@pytest.fixture(scope="module")
def answers() -> Iterator[_Answers]:
    with _Answers() as site:
        yield site


def test_a_limit_changes_nothing_for_requests_in_time(splash: Client, answers: _Answers) -> None:
    without, limited = (splash.main(SCRIPT, url=answers.url, limit=limit) for limit in (0, 10))
    assert limited == without
    assert without["value"]["cookies"] == '{"a": "1", "b": "2"}'


@pytest.mark.parametrize("endpoint", ["/render.html", "/execute"])
def test_a_page_loads_without_a_script_that_is_too_slow(splash: Client, pages: Pages, endpoint: str) -> None:
    lua = "function main(splash, args) splash.resource_timeout = 0.5 splash:go(args.url) return splash:html() end"
    answer = splash.post(endpoint, url=f"{pages.url}/hanging-script", resource_timeout=0.5, lua_source=lua)
    assert "entry 3" in answer.text


def test_the_load_event_comes_without_a_picture_that_is_too_slow(splash: Client, pages: Pages) -> None:
    script = """
        splash.resource_timeout = 0.5
        splash:autoload("addEventListener('load', () => { window.has_loaded = true })")
        return {splash:go(args.url), splash:evaljs("window.has_loaded")}
    """
    assert splash.main(script, url=f"{pages.url}/never") == {"1": True, "2": True}


def test_a_page_that_is_too_slow_itself_is_cancelled(splash: Client, pages: Pages) -> None:
    script = "splash.resource_timeout = 0.3 return {select(2, splash:go(args.url)), splash:url()}"
    hanging = f"{pages.url}/hang"
    assert splash.main(script, url=hanging) == {"1": "network5", "2": hanging}


def test_a_request_s_own_limit_replaces_the_limit_of_the_page(splash: Client, pages: Pages) -> None:
    script = """
        splash.resource_timeout = 0.1
        splash:on_request(function(request) request:set_timeout(5) end)
        return {splash:go(args.url), splash:select("p"):text()}
    """
    assert splash.main(script, url=f"{pages.url}/slow") == {"1": True, "2": "slow"}
