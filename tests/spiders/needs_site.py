"""A site whose pages show their content only after a click, in a shadow root, after a login by script, and so on."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# The banner comes late, and the tab can be clicked only without it. The price comes from the site after the click.
TABS = """<div id=banner hidden><button id=agree>I agree</button></div>
<button class=tab>texts</button><button id=tab disabled>prices</button><div id=panel></div>
<script>
  var banner = document.getElementById('banner'), tab = document.getElementById('tab');
  setTimeout(function () { banner.hidden = false; }, 100);
  document.getElementById('agree').onclick = function () { banner.remove(); tab.disabled = false; };
  tab.onmousedown = function () {
    var asking = new XMLHttpRequest();
    asking.onload = function () { document.getElementById('panel').innerHTML = asking.responseText; };
    asking.open('GET', '/price');
    asking.send();
  };
</script>"""

# Each click adds one item, a little later. #dead does nothing, #noise changes something else.
MORE = """<ul><li>1</li></ul><p></p><button id=more>more</button><button id=dead>dead</button>
<button id=noise>noise</button><button id=off disabled>off</button>
<script>
  var list = document.querySelector('ul'), count = 1, waits = false;
  function add() { waits = false; list.insertAdjacentHTML('beforeend', '<li>' + (count += 1) + '</li>'); }
  document.getElementById('more').onclick = function () { if (!waits) { waits = true; setTimeout(add, 50); } };
  document.getElementById('noise').onclick = function () { document.querySelector('p').textContent = 'noise'; };
</script>"""

# The list begins after a click, and grows to 30 items while it is scrolled.
FEED = """<button id=open>open</button><ul></ul><div style="height: 3000px"></div>
<script>
  var list = document.querySelector('ul'), opened = false;
  function add() {
    for (var n = 0; n < 10 && list.children.length < 30; n += 1) {
      list.insertAdjacentHTML('beforeend', '<li>' + (list.children.length + 1) + '</li>');
    }
  }
  document.getElementById('open').onclick = function () { opened = true; add(); };
  window.onscroll = function () { if (opened) { setTimeout(add, 20); } };
</script>"""

# The elements get their shadow roots late, and the list has a button in its own.
TALKS = """<my-talks></my-talks>
<script>
  setTimeout(function () {
    customElements.define('my-talk', class extends HTMLElement {
      connectedCallback() { this.attachShadow({mode: 'open'}).innerHTML = '<h2>' + this.title + '</h2>'; }
    });
    customElements.define('my-talks', class extends HTMLElement {
      connectedCallback() {
        const root = this.attachShadow({mode: 'open'});
        root.innerHTML = '<button>more</button><my-talk title=One></my-talk><my-talk title=Two></my-talk>';
        root.querySelector('button').onclick = () => {
          root.append(Object.assign(document.createElement('my-talk'), {title: 'Three'}));
        };
      }
    });
  }, 100);
</script>"""

# It replaces a function that a render script calls.
BROKEN = """<button id=more>more</button><script>
  Array.prototype.filter = function () { throw new Error('no filter here'); };
</script>"""

PAGES = {"/broken": BROKEN, "/tabs": TABS, "/more": MORE, "/feed": FEED, "/talks": TALKS}
PARTS = {"/price": "<b class=price>7.50</b>"}


# A login by script in a dialog that is no form. It leaves a token in localStorage and loads the page again.
LOGIN = """<button id=login>Log in</button>
<div id=dialog hidden><input id=user><input id=password type=password><a id=go aria-disabled=true>Go</a></div>
<main></main>
<script>
  var go = document.getElementById('go'), password = document.getElementById('password');
  document.getElementById('login').onclick = function () { document.getElementById('dialog').hidden = false; };
  password.oninput = function () {
    password.setAttribute('value', password.value);  // as frameworks do
    go.setAttribute('aria-disabled', 'false');
  };
  go.onclick = function () {
    var asking = new XMLHttpRequest();
    asking.onload = function () {
      if (asking.status !== 200) { return; }
      localStorage.setItem('auth', JSON.stringify({token: asking.responseText, theme: 'dark'}));
      sessionStorage.setItem('tab', 'orders');
      location.reload();
    };
    asking.open('POST', '/api/login');
    asking.send(document.getElementById('user').value + ' ' + password.value);
  };
  if (localStorage.getItem('auth')) { document.querySelector('main').innerHTML = '<p id=hello>Hello</p>'; }
</script>"""

# The rows are for the holder of the token, who gets another one with each answer.
ORDERS = """<main></main><script>
  var auth = {}, asking = new XMLHttpRequest();
  try { auth = JSON.parse(localStorage.getItem('auth')) || {}; } catch (error) {}  // Splash has none by itself
  asking.onload = function () {
    var found = JSON.parse(asking.responseText);
    if (found.token) { localStorage.setItem('auth', JSON.stringify({token: found.token})); }
    var shown = found.row + ' ' + sessionStorage.getItem('tab');
    document.querySelector('main').innerHTML = '<p class=order>' + shown + '</p>';
  };
  asking.open('GET', '/api/orders' + location.search);
  asking.setRequestHeader('Authorization', 'Bearer ' + auth.token);
  asking.send();
</script>"""

# Four requests, each after the answer to the one before, and with ?endless more and more of them. Each URL is another
# one: Splash lets the pages that it renders at a time share the answer to one request.
CHAIN = """<ul></ul><script>
  function ask(number) {
    var asking = new XMLHttpRequest();
    asking.onload = function () {
      document.querySelector('ul').insertAdjacentHTML('beforeend', '<li>' + number + '</li>');
      if (number < 4 || location.search === '?endless') { setTimeout(ask, 100, number + 1); }
    };
    asking.open('GET', '/price?' + number + Math.random());
    asking.send();
  }
  ask(1);
</script>"""

# The price of a region comes when the page's own function is called.
REGIONS = """<select><option>south<option>north</select><div></div><script>
  function show() {
    var asking = new XMLHttpRequest();
    asking.onload = function () {
      document.querySelector('div').innerHTML = asking.responseText + document.querySelector('select').value;
    };
    asking.open('GET', '/price');
    asking.send();
  }
</script>"""

# A list of films, and a film with its roles.
FILMS = "<article><a href=/films/alien>Alien</a></article><article><a href=/films/brazil>Brazil</a></article>"
ALIEN = """<h1>Alien</h1><p class=price>7,50 €</p><time>3 May 2019</time>
<ul><li><b>Sigourney Weaver</b> <i>Ripley</i></li><li><b>John Hurt</b></li></ul>"""

PAGES |= {
    "/films": FILMS,
    "/films/alien": ALIEN,
    "/films/brazil": "<h1>Brazil</h1>",
    "/link": "<a href=/cached>next</a>",
    "/cached": "<p>cached</p>",
    "/regions": REGIONS,
    "/chain": CHAIN,
    "/worker": "<ul><li>1</ul><script>window.Worker && new Worker('/worker.js');</script>",
    "/login": LOGIN,
    "/orders": ORDERS,
}
PASSWORD = "correct horse 7"
TOKEN = "tok-"  # the beginning of each token


class NeedsSite:
    """What the site knows: the paths that it was asked for, its tokens, and the answers that it holds back."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.token = ""
        self.tokens = 0
        self.held = ""  # the path whose answer waits for ``go_on``
        self.go_on = threading.Event()

    def new_token(self) -> str:
        self.tokens += 1
        self.token = f"{TOKEN}{self.tokens}-{'x' * 30}"
        return self.token


class Handler(BaseHTTPRequestHandler):
    """Answers with the page of a path."""

    site: NeedsSite

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.site.asked.append(self.path)
        if self.path == self.site.held:
            self.site.go_on.wait(60)
        if path == "/cached" and self.headers.get("If-Modified-Since"):
            self.send_response(304)
            return self.end_headers()
        if path in PAGES:
            return self.answer(f"<!DOCTYPE html><html><body>{PAGES[path]}</body></html>")
        if path == "/api/orders":
            if self.headers.get("Authorization") != f"Bearer {self.site.token}":
                return self.answer(json.dumps({"row": "signed out"}))
            return self.answer(json.dumps({"row": self.path[-1], "token": self.site.new_token()}))
        if path == "/worker.js":
            return self.answer("postMessage(1);")
        return self.answer(PARTS.get(path, ""), 200 if path in PARTS else 404)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        good = sent == f"me {PASSWORD}"
        self.answer(self.site.new_token() if good else "", 200 if good else 403)

    def answer(self, text: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        kind = "text/javascript" if self.path.endswith(".js") else "text/html; charset=utf-8"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/cached":
            self.send_header("Last-Modified", "Sat, 28 Nov 2026 10:00:00 GMT")
            self.send_header("Cache-Control", "max-age=0")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def needs_site() -> Iterator[NeedsSite]:
    """Yield the running site."""
    site = NeedsSite()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfSite", (Handler,), {"site": site}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        site.go_on.set()
        server.shutdown()
        server.server_close()
