"""FakeShop: a site whose test decides the response of each path, also while a crawl runs."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def quotes(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    """Return an item of Quote for each number."""
    return [{"quote_id": number, "body": f"body {number}", "author": "A"} | fields for number in numbers]


class FakeShop:
    """A site of JSON pages.

    Attributes:
        pages: the response of each path; other paths have HTTP 404.
        statuses: the HTTP status of a path, in place of 200 or 404.
        held: the response of such a path waits for the event.
        asked: the paths of the requests so far.
    """

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.statuses: dict[str, int] = {}
        self.held: dict[str, threading.Event] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                if self.path in site.held:
                    site.held[self.path].wait(60)
                page = site.pages.get(self.path)
                body = json.dumps(page).encode()
                with contextlib.suppress(OSError):  # the crawl may be dead
                    self.send_response(site.statuses.get(self.path, 404 if page is None else 200))
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def fill(self, number: int, **fields: Any) -> None:
        """Replace the pages: a start page, and pages with ``number`` quotes, two on each."""
        self.pages = {"/start": {"pages": [f"/{n}" for n in range(0, number, 2)]}}
        for n in range(0, number, 2):
            self.pages[f"/{n}"] = {"items": quotes(n, n + 1, **fields)}


@contextlib.contextmanager
def fake_shop() -> Iterator[FakeShop]:
    """Serve a FakeShop until the block ends."""
    site = FakeShop()
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        for event in site.held.values():
            event.set()
        site.server.shutdown()
        site.server.server_close()
