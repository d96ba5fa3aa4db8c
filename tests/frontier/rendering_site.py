"""RenderingSite: a site whose pages are made by the server or by a script, as the test decides, and its true rows."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# Made by the server; filled by a script after the load event; filled while it loads: all of it, one of two rows,
# another value, a value that the server leaves empty.
SERVER, SCRIPT, SHELL, HALF, CHANGED, PLACEHOLDER = (
    "server",
    "script",
    "shell",
    "half",
    "changed",
    "placeholder",
)
WITHOUT_TAGS = "without tags"  # a script fills in a value that not all pages have

FETCH = (
    "fetch('/fragment{path}').then(r => r.text()).then(t => document.querySelector('#content').innerHTML = t)"
)
FILL = "document.querySelector('#content').innerHTML = {html}"


class RenderingSite:
    """A list with ``size`` items. The rows are the same, however the pages are made.

    Attributes:
        kind: how pages are made; ``kinds`` has it for single paths.
        switch_after: after so many plain requests for items the pages are of the kind ``switch_to``.
        plain: what plain clients get in place of a page: a status (with ``retry_after``), "challenge", "cut",
            "cut gzip", or "slow", which is nothing.
        held: the response to a plain request for such a path waits for the event.
        asked: the path of each request for a page, and whether a browser made it.
        timed: the path, the status and the time of each response.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.kind, self.switch_to = SERVER, SCRIPT
        self.kinds: dict[str, str] = {}
        self.switch_after: int | None = None
        self.plain: int | str | None = None
        self.held: dict[str, threading.Event] = {}
        self.asked: list[tuple[str, bool]] = []
        self.timed: list[tuple[str, int, float]] = []
        self.retry_after: int | None = None
        self.closing = threading.Event()
        self.lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                # Scrapy accepts brotli, Splash does not, and Chromium has headers of its own.
                is_scrapy = "br" in self.headers.get("Accept-Encoding", "")
                is_browser = "Sec-Fetch-Mode" in self.headers or not is_scrapy
                with contextlib.suppress(OSError):  # the crawl may be dead
                    site.respond(self, path, is_browser=is_browser)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def respond(self, handler: BaseHTTPRequestHandler, path: str, *, is_browser: bool) -> None:
        headers = {"Content-Type": "text/html; charset=utf-8"}
        if path.startswith("/fragment/"):
            return self.send(handler, 200, headers, self.content(path.removeprefix("/fragment")).encode())
        if path not in ("/", "/list") and not path.startswith("/item/"):
            return self.send(handler, 404, headers, b"")
        with self.lock:
            self.asked.append((path, is_browser))
            kind = self.kind_of(path)
        if not is_browser and path in self.held:
            self.held[path].wait(60)
        if is_browser or self.plain is None:
            self.timed.append((path, 200, time.monotonic()))
            return self.send(handler, 200, headers, self.page(path, kind).encode())
        if self.plain == "challenge":
            body = b"<html><body><script>window._cf_chl_opt = {}</script></body></html>"
            return self.send(handler, 200, headers, body)
        if self.plain == "cut":
            body = self.page(path, kind).encode()
            return self.send(handler, 200, headers | {"Content-Length": str(len(body) + 99)}, body)
        if self.plain == "cut gzip":
            body = gzip.compress(self.page(path, kind).encode())[:-20]
            return self.send(handler, 200, headers | {"Content-Encoding": "gzip"}, body)
        if self.plain == "slow":
            self.closing.wait(60)
            return None
        assert isinstance(self.plain, int)
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        self.timed.append((path, self.plain, time.monotonic()))
        return self.send(handler, self.plain, headers, b"<html><body>no</body></html>")

    def send(
        self, handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        if headers.get("Content-Length"):
            handler.close_connection = True

    def kind_of(self, path: str) -> str:
        if self.switch_after is not None and self.plain_items >= self.switch_after:
            self.kind, self.switch_after = self.switch_to, None
        return self.kinds.get(path, self.kind) if path.startswith("/item/") else SERVER

    @property
    def plain_items(self) -> int:
        """How many plain requests for items there were."""
        return sum(path.startswith("/item/") and not browser for path, browser in self.asked)

    @property
    def by_client(self) -> Counter[bool]:
        """Return how many requests for items a browser made (True), and how many were plain (False)."""
        return Counter(browser for path, browser in self.asked if path.startswith("/item/"))

    def page(self, path: str, kind: str) -> str:
        content, script = self.content(path), FILL.format(html=json.dumps(self.content(path)))
        if kind == SCRIPT:
            content, script = "", FETCH.format(path=path)
        elif kind == SHELL:
            content = ""
        elif kind == HALF:
            content = self.content(path, half=True)
        elif kind == CHANGED:
            content = content.replace("words", "old words")
        elif kind == WITHOUT_TAGS:
            content = content.replace(f"tag{self.number(path)}", "")
        elif kind == PLACEHOLDER:
            content = content.replace(f"author {self.number(path)}", "")
        else:
            script = ""
        return (
            f"<!DOCTYPE html><html><head><title>{path}</title></head><body><h1>A site</h1>"
            f"<div id=content>{content}</div><script>{script}</script></body></html>"
        )

    def number(self, path: str) -> int:
        return int(path.rpartition("/")[2] or 0)

    def content(self, path: str, *, half: bool = False) -> str:
        if path in ("/", "/list"):
            return (
                "<ul id=list>"
                + "".join(f'<li><a href="/item/{n}">{n}</a>' for n in range(self.size))
                + "</ul>"
            )
        rows = self.rows(self.number(path))
        return "".join(
            f'<article data-id="{key}"><p>{body}</p><b>{author}</b><i>{tags or ""}</i></article>'
            for key, (body, author, tags) in list(rows.items())[: 1 if half else None]
        )

    def rows(self, number: int) -> dict[int, tuple[str, str, str | None]]:
        """Return the two rows of an item."""
        tags = f"tag{number}" if number % 3 else None
        return {number * 10 + nth: (f"words {number}.{nth}", f"author {number}", tags) for nth in range(2)}

    @property
    def truth(self) -> dict[int, tuple[str, str, str | None]]:
        """Return all rows, by their key."""
        return {key: row for n in range(self.size) for key, row in self.rows(n).items()}


@contextlib.contextmanager
def rendering_site(size: int) -> Iterator[RenderingSite]:
    """Serve a RenderingSite until the block ends."""
    site = RenderingSite(size)
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        for event in site.held.values():
            event.set()
        site.server.shutdown()
        site.server.server_close()
