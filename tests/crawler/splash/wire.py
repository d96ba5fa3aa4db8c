"""A proxy before a renderer that records the requests and can replace answers.

Without a renderer all its pages are the same, which is enough for tests that do not depend on the page.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = json.dumps({"html": '<p>page</p><a class="xyz" href="/next">1</a>'}).encode()
SAVED = {"X-Splash-Saved-Arguments": f"lua_source={'0' * 40}"}
EXPIRED = {"error": 498, "type": "ExpiredArguments", "info": {"expired": ["lua_source"]}}


@dataclass
class Wire:
    url: str
    sent: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)  # headers, arguments
    answers: list[tuple[int, dict[str, str], bytes]] = field(
        default_factory=list
    )  # instead of the renderer's

    def headers(self) -> list[dict[str, str]]:
        return [headers for headers, _ in self.sent]

    def args(self) -> list[dict[str, Any]]:
        return [args for _, args in self.sent]

    def answer(self, status: int, body: Any, **headers: str) -> None:
        named = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        self.answers.append(
            (status, named, json.dumps(body).encode() if not isinstance(body, bytes) else body)
        )


@contextlib.contextmanager
def wire_to(renderer: str | None) -> Iterator[Wire]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            wire.sent.append(
                ({name.lower(): value for name, value in self.headers.items()}, json.loads(body))
            )
            if wire.answers:
                return self.respond(*wire.answers.pop(0))
            if renderer is None:
                return self.respond(200, {"Content-Type": "application/json"}, PAGE)
            path = "/" + self.path.rsplit("/", 1)[-1]
            asked = urllib.request.Request(renderer + path, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(asked) as answer:
                    self.respond(answer.status, dict(answer.headers.items()), answer.read())
            except urllib.error.HTTPError as error:
                self.respond(error.code, dict(error.headers.items()), error.read())
            return None

        def do_GET(self) -> None:
            wire.sent.append(
                ({name.lower(): value for name, value in self.headers.items()}, {"GET": self.path})
            )
            self.respond(200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /\n")

        def respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() in ("content-type", "location", "set-cookie") or name.startswith("X-"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    wire = Wire(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield wire
    server.shutdown()
    server.server_close()
