"""The site of the differential suite: pages that never change, and answers that describe the request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from urllib.parse import parse_qsl

from aiohttp import web

from tests.renderer.conftest import PIXEL, Site

PAGE = "<!DOCTYPE html><html><head><title>%s</title></head><body>%s</body></html>"
QUOTES = "".join(
    f"<div class=quote><span class=text>Text {n}</span><small class=author>Author {n % 3}</small></div>"
    for n in range(5)
)
PAGES = {
    "/": PAGE
    % ("Home", '<h1>Home</h1><a id="next" href="/second">Second</a><p class="p">one</p><p class="p">two</p>'),
    "/second": PAGE % ("Second", '<h1>Second</h1><a href="/">Home</a>'),
    "/quotes": PAGE % ("Quotes", QUOTES),
    "/late": PAGE
    % (
        "Late",
        "<div id=box></div><script>setTimeout(function () {"
        "document.getElementById('box').innerHTML = '<b class=ready>ready</b>' }, 150)</script>",
    ),
    "/button": PAGE
    % (
        "Button",
        "<button id=b onclick=\"var n = document.getElementById('n'); n.textContent = +n.textContent + 1\">"
        "more</button><span id=n>0</span><a id=js href='javascript:void(document.title=\"Clicked\")'>js</a>",
    ),
    "/link": PAGE % ("Link", "<a id=a href=/second style='display:block;width:100px;height:20px'>go</a>"),
    "/login": PAGE
    % (
        "Login",
        "<form id=f action=/session method=post><input name=user id=user><input name=password type=password>"
        "<input type=hidden name=token value=t1><input type=checkbox name=keep value=yes>"
        "<select name=lang><option value=en>English</option><option value=de>Deutsch</option></select>"
        "<input type=submit id=send value=Send></form>",
    ),
    "/infinite": PAGE
    % (
        "Infinite",
        "<ul id=l></ul><script>var n = 0; function more() { for (var i = 0; i < 10 && n < 40; i++) {"
        "var li = document.createElement('li'); li.textContent = 'item ' + n++; li.style.height = '100px';"
        "document.getElementById('l').appendChild(li) } } more(); window.onscroll = function () {"
        "if (window.innerHeight + window.pageYOffset >= document.body.scrollHeight - 50) "
        "setTimeout(more, 50) }</script>",
    ),
    "/frames": PAGE
    % (
        "Frames",
        "<iframe name=first src=/second width=300 height=100></iframe>"
        "<iframe id=second src=/redirect width=200 height=50></iframe>",
    ),
    "/nested": PAGE % ("Nested", "<iframe name=outer src=/frames width=400 height=300></iframe>"),
    "/srcdoc": PAGE
    % ("Srcdoc", "<iframe srcdoc='<p>inside</p>'></iframe><iframe src='about:blank'></iframe>"),
    "/image": PAGE % ("Image", "<img id=i src=/pixel.gif width=20 height=20><img src=/nothing.gif>"),
    "/tall": PAGE
    % ("Tall", "<style>body{margin:0}</style><div id=d style='height:2000px;background:#0f0'>tall</div>"),
    "/boxes": PAGE
    % (
        "Boxes",
        "<style>body{margin:0}</style><div id=a style='position:absolute;left:10px;top:20px;width:50px;height:40px;"
        "background:#f00'></div><div id=h style='display:none'>hidden</div>",
    ),
    "/slow-script": PAGE
    % (
        "Slow script",
        "<h1>A</h1><script src=/hang.js></script><p id=after>after</p>"
        "<script>document.getElementById('after').className = 'run'</script>",
    ),
    "/slow-image": PAGE
    % (
        "Slow image",
        "<h1>A</h1><img src=/hang.gif onerror=\"document.title = 'error'\"><script>window.onload = function () {"
        "document.getElementsByTagName('h1')[0].className = 'loaded' }</script>",
    ),
    "/slow-picture": PAGE % ("Slow picture", "<p>text</p><img src='/slow?seconds=1'>"),
    "/slow-frame": PAGE % ("Slow frame", "<iframe src=/hang></iframe><p>after</p>"),
    "/slow-xhr": PAGE
    % (
        "Slow XHR",
        "<p id=p>asking</p><script>var x = new XMLHttpRequest(); x.open('GET', '/hang');"
        "x.onerror = x.onabort = function () { document.getElementById('p').textContent = 'failed' };"
        "x.onload = function () { document.getElementById('p').textContent = x.status }; x.send()</script>",
    ),
    "/xhr": PAGE
    % (
        "XHR",
        "<p id=p></p><script>var x = new XMLHttpRequest(); x.open('GET', '/headers');"
        "x.setRequestHeader('X-Page', 'yes');"
        "x.onload = function () { document.getElementById('p').textContent = x.responseText }; x.send()</script>",
    ),
    "/storage": PAGE
    % (
        "Storage",
        "<script>document.cookie = 'js=1'; document.title = document.cookie</script>",
    ),
    "/throws": PAGE % ("Throws", "<p>before</p><script>throw new Error('page')</script><p>after</p>"),
    "/redirects-by-script": PAGE
    % ("Leaving", "<script>setTimeout(function () { location = '/second' }, 100)</script>"),
    "/redirects-by-meta": "<html><head><meta http-equiv=refresh content='0; url=/second'></head></html>",
    "/redirects-to-nowhere": PAGE
    % ("Leaving", "<script>setTimeout(function () { location = '{closed}/' }, 100)</script>"),
    "/events": PAGE
    % (
        "Events",
        "<input id=i><textarea id=t></textarea><pre id=log></pre><script>"
        "var log = []; ['keydown', 'keypress', 'keyup'].forEach(function (kind) {"
        "document.addEventListener(kind, function (e) { log.push(kind + ':' + e.keyCode + ':' + e.charCode"
        " + (e.ctrlKey ? ':ctrl' : '') + (e.shiftKey ? ':shift' : '') + (e.altKey ? ':alt' : '')) }) });"
        "function seen() { return log.join(' ') }</script>",
    ),
    "/mouse": PAGE
    % (
        "Mouse",
        "<style>body{margin:0}</style><div id=d style='width:200px;height:200px'></div><script>"
        "var log = []; ['mousedown', 'mouseup', 'click', 'mousemove'].forEach(function (kind) {"
        "document.addEventListener(kind, function (e) { if (e.clientX || e.clientY) "
        "log.push(kind + ':' + e.clientX + ',' + e.clientY) }) });"
        "function seen() { return log.join(' ') }</script>",
    ),
    "/globals": PAGE
    % (
        "Globals",
        "<script>var data = {list: [1, 2, 3], name: 'x'}; function add(a, b) { return a + b }</script>",
    ),
    "/post-by-script": PAGE
    % (
        "Posts",
        "<form id=f action=/echo method=post><input name=a value='1 2'></form>"
        "<script>setTimeout(function () { document.getElementById('f').submit() }, 50)</script>",
    ),
    "/base": "<html><head><base href='/deep/'><title>Base</title></head><body><a id=a href=x>x</a></body></html>",
    "/opens": PAGE
    % (
        "Opens",
        "<a id=a target=_blank href=/second>new window</a><script>alert('a'); "
        "document.title = String(confirm('b')) + prompt('c')</script>",
    ),
    "/unicode/ü": PAGE % ("Ünicode", "<p>grüße</p>"),
    "/menu": PAGE
    % (
        "Menu",
        "<style>body{margin:0}#sub{display:none}#menu:hover #sub{display:block}</style>"
        "<div id=menu style='width:200px' onmouseover=\"document.getElementById('log').textContent = 'over'\">"
        "menu<div id=sub>sub</div></div><p id=log></p>",
    ),
    "/select": PAGE
    % (
        "Select",
        '<select id=s onchange="document.title = this.value"><option value=a>A</option>'
        "<option value=b>B</option></select><input id=c type=checkbox><input id=r type=radio name=r value=1>",
    ),
    "/table": PAGE
    % ("Table", "<table id=t><tr><td>1</td><td>a</td></tr><tr><td>2</td><td>b</td></tr></table>"),
}
# Values of headers that browsers set themselves; the site does not show them, but it shows a script's values.
BROWSERS = {
    "accept": ("text/html,", "*/*", "image/", "text/css"),
    "accept-encoding": ("gzip",),
    "accept-language": ("en",),
    "user-agent": ("Mozilla/5.0 (X11",),
    "connection": ("keep-alive", "Keep-Alive", "close"),
    "upgrade-insecure-requests": ("1",),
    "cache-control": ("max-age=0", "no-cache"),
    "origin": ("http", "null"),
    "pragma": ("no-cache",),
    "content-length": ("0",),
}


class DifferentialSite(Site):
    """The site. It has two names, so two origins, and a second port that refuses connections."""

    def __init__(self) -> None:
        super().__init__()
        self._closed = socket.socket()
        self._closed.bind(("127.0.0.1", 0))  # and never listens

    @property
    def closed(self) -> str:
        return f"http://127.0.0.1:{self._closed.getsockname()[1]}"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def other(self) -> str:
        return f"http://localhost:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path, query = request.path, request.query
        if path in PAGES:
            text = PAGES[path].replace("{closed}", self.closed)
            return web.Response(text=text, content_type="text/html", charset="utf-8")
        match path:
            case "/headers":  # the request's headers, without those that differ between browsers
                return web.json_response(_shown_headers(request))
            case "/page":
                n = int(query["n"])
                link = f"<a class=next href='/page?n={n + 1}'>next</a>" if n < 3 else ""
                return _page(f"Page {n}", link)
            case "/xml":
                return web.Response(
                    text="<?xml version='1.0'?><feed><!-- c --><entry a='1'>x &amp; y</entry></feed>",
                    content_type="application/xml",
                )
            case "/xhtml":
                text = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>X</title></head><body><p>x</p></body></html>'
                return web.Response(text=text, content_type="application/xhtml+xml")
            case "/empty":
                return web.Response(text="", content_type="text/html")
            case "/untyped":
                return web.Response(body=b"<p>untyped</p>", headers={"Content-Type": ""})
            case "/latin":
                body = PAGE % ("Latin", "<p>grüße</p>")
                return web.Response(
                    body=body.encode("latin-1"), headers={"Content-Type": "text/html; charset=iso-8859-1"}
                )
            case "/header-names":
                return web.json_response(sorted(name.lower() for name in request.headers))
            case "/loop":
                raise web.HTTPFound("/loop?again")
            case "/echo":
                return web.json_response(
                    {
                        "method": request.method,
                        "path": request.path_qs,
                        "body": (await request.read()).decode("latin-1"),
                        "headers": _shown_headers(request),
                    }
                )
            case "/session":
                sent = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
                away = web.HTTPFound("/account")
                if sent.get("password") == "secret":
                    away.set_cookie("session", sent.get("user", ""))
                raise away
            case "/account":
                user = request.cookies.get("session")
                text = f"<p id=who>{user}</p>" if user else "<p id=who>please log in</p>"
                return _page("Account", text)
            case "/redirect":
                raise web.HTTPFound(query.get("to", "/second"))
            case "/redirect/301" | "/redirect/302" | "/redirect/303" | "/redirect/307" | "/redirect/308":
                status = int(path.rpartition("/")[2])
                return web.Response(status=status, headers={"Location": query.get("to", "/echo")})
            case "/set-cookie":
                response = _page("Cookie", json.dumps(dict(request.cookies)))
                for name, value in query.items():
                    response.set_cookie(name, value)
                return response
            case "/set-cookie-and-redirect":
                away = web.HTTPFound(query.get("to", "/headers"))
                away.set_cookie("hop", "1")
                raise away
            case "/status":
                return web.Response(
                    status=int(query["code"]),
                    text=PAGE % (query["code"], "<p>page</p>"),
                    content_type="text/html",
                )
            case "/hang" | "/hang.js" | "/hang.gif":
                await asyncio.sleep(30)
                return web.Response(text="late")
            case "/slow":
                await asyncio.sleep(float(query.get("seconds", "0.3")))
                return _page("Slow", "<p>slow</p>")
            case "/slow-body":
                stream = web.StreamResponse(headers={"Content-Type": "text/html"})
                await stream.prepare(request)
                with contextlib.suppress(ConnectionError):
                    await stream.write(b"<html><body><p>begun</p>" + b" " * 4096)
                    await asyncio.sleep(20)
                return stream
            case "/pixel.gif":
                return web.Response(body=PIXEL, content_type="image/gif")
            case "/style.css":
                return web.Response(text="body { color: red }", content_type="text/css")
            case "/lib.js":
                return web.Response(text="window.fromLib = 'lib'", content_type="text/javascript")
            case "/data.json":
                return web.json_response({"items": [1, 2, 3], "name": "grüße"})
            case "/text":
                return web.Response(text="plain text", content_type="text/plain")
            case "/with-headers":
                response = _page("Headers", "<p>headers</p>")
                response.headers["X-Custom"] = "custom"
                response.headers.add("Set-Cookie", "a=1; Path=/")
                response.headers.add("Set-Cookie", "b=2; Path=/; HttpOnly")
                return response
            case "/download":
                return web.Response(body=b"\0\1\2", content_type="application/octet-stream")
            case "/attachment":
                return web.Response(
                    text="a,b\n1,2",
                    content_type="text/csv",
                    headers={"Content-Disposition": "attachment; filename=a.csv"},
                )
            case "/basic":
                if request.headers.get("Authorization") == "Basic dTpw":
                    return _page("In", "<p>in</p>")
                return web.Response(status=401, text="out", headers={"WWW-Authenticate": 'Basic realm="r"'})
            case "/closes":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
        return web.Response(status=404, text=PAGE % ("Nope", "<p>no page</p>"), content_type="text/html")


def _page(title: str, body: str) -> web.Response:
    return web.Response(text=PAGE % (title, body), content_type="text/html", charset="utf-8")


def _shown_headers(request: web.Request) -> dict[str, str]:
    shown = {}
    for name, value in request.headers.items():
        usual = BROWSERS.get(name.lower())
        if name.lower().startswith(("sec-", "host", "priority")) or (usual and value.startswith(usual)):
            continue
        if name.lower() == "cookie":
            value = "; ".join(sorted(value.split("; ")))
        shown[name.title()] = value
    return dict(sorted(shown.items()))
