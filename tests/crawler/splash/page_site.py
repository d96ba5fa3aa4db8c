"""A site with a list (a base URL, links, a form), a redirect, a page that changes its URL, and JSON."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.crawler.splash.site import Site

LIST = (
    "<html><head><base href='/shop/'><title>List</title></head><body><h1>Things</h1><ul>"
    "<li><a id=one href='item/1'>one</a></li><li><a id=two href='item/2'>two</a></li></ul>"
    "<form action='search'><input name=q value=''></form></body></html>"
)
PUSHED = "<html><body><script>history.pushState({}, '', 'pushed?q=é')</script></body></html>"
PAGES = {
    "/list": ("text/html; charset=utf-8", LIST),
    "/deep/page": ("text/html; charset=utf-8", PUSHED),
    "/data.json": ("application/json", '{"rows": [1, 2]}'),
}


@contextlib.contextmanager
def page_site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/deep/page")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            kind, text = PAGES.get(path, ("text/html", "<html></html>"))
            body = text.encode()
            self.send_response(200 if path in PAGES else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
