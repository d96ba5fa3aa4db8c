"""A site whose pages show their content only after a click, in a shadow root, after a login by script, and so on."""

from __future__ import annotations

import contextlib
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


class Handler(BaseHTTPRequestHandler):
    """Answers with the page of a path."""

    asked: list[str]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.asked.append(self.path)
        if path in PAGES:
            return self.answer(f"<!DOCTYPE html><html><body>{PAGES[path]}</body></html>")
        return self.answer(PARTS.get(path, ""), 200 if path in PARTS else 404)

    def answer(self, text: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def needs_site() -> Iterator[tuple[str, list[str]]]:
    """Yield the site's URL, and the list of the paths that it is asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Handler,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
