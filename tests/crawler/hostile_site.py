"""A hostile site: decompression bombs, endless files, links and redirects to other schemes."""

from __future__ import annotations

import contextlib
import gzip
import threading
import zlib
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MEGABYTE = 1024 * 1024
BOMB = {31: 200, 15: 64}  # megabytes of the gzip and of the deflate
LINKS = (
    "file:///etc/passwd",
    "FILE:///etc/hosts",
    "data:text/html,<h1>no</h1>",
    "javascript://%0aalert(1)",
    "s3://bucket/key",
)
ROBOTS = b"User-agent: *\nDisallow: /forbidden\n"


@cache
def bomb(wbits: int) -> bytes:
    """Return many compressed zeros."""
    packer = zlib.compressobj(1, wbits=wbits)
    return b"".join([*(packer.compress(bytes(MEGABYTE)) for _ in range(BOMB[wbits])), packer.flush()])


def answers(path: str) -> tuple[int, dict[str, str], bytes]:
    match path:
        case "/start":
            return 200, {"Content-Type": "text/html"}, b"<title>start</title>"
        case "/gzip":
            return 200, {"Content-Encoding": "gzip"}, bomb(31)
        case "/deflate":
            return 200, {"Content-Encoding": "deflate"}, bomb(15)
        case "/twice":
            return 200, {"Content-Encoding": "gzip, gzip"}, gzip.compress(bomb(31))
        case "/often":
            body = b"<title>often</title>"
            for _ in range(30):
                body = gzip.compress(body)
            return 200, {"Content-Encoding": ", ".join(["gzip"] * 30)}, body
        case "/redirect":
            return 302, {"Location": "file:///etc/passwd"}, b""
        case "/huge":
            return 200, {"Content-Length": str(2**40)}, b"<title>huge</title>"
        case _:
            return 200, {"Content-Type": "text/html"}, b"<title>page</title>"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            if self.path in ("/robots.txt", "/endless"):
                self._send_endless()
                return
            status, headers, body = answers(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def _send_endless(self) -> None:
        """Send 108 MB without a Content-Length."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(ROBOTS)
        line = b"Disallow: /nothing/of/interest\n" * 30_000
        for _ in range(108 * MEGABYTE // len(line)):
            self.wfile.write(line)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def hostile_site() -> Iterator[str]:
    """Yield the site's URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
