"""A site for one test: old JavaScript makes its pages, and it records its requests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIST = """<html><body><script>
document.write('<ul class="abc"><li><a class="xyz" href="/one">1</a></li><li><a class="xyz" href="/two">2</a></li></ul>');
</script></body></html>"""
ROBOTS = "User-agent: *\nDisallow: /private/\n"


@dataclass
class Site:
    url: str
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def headers_of(self, path: str) -> list[dict[str, str]]:
        return [headers for asked, headers in self.asked if asked == path]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextlib.contextmanager
def recording_site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            kind, body = ("text/plain", ROBOTS) if self.path == "/robots.txt" else ("text/html", LIST)
            self.answer(kind, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.answer("text/html", f"<html><body><pre>{body}</pre></body></html>")

        def answer(self, kind: str, body: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()
