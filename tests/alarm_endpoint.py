"""A server that gets the alarms of crawls, as a chat or a mail server does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """The server that Apprise's json:// sends messages to."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if endpoint.status == 200:
                    endpoint.messages.append(message)
                self.send_response(endpoint.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://user:hush-hush@127.0.0.1:{self.server.server_port}/alarms"

    def new_messages(self) -> list[tuple[str, str]]:
        """Return the type and the title of the messages since the last call."""
        found = [(message["type"], message["title"]) for message in self.messages]
        self.messages.clear()
        return found


@contextmanager
def alarm_endpoint() -> Iterator[Endpoint]:
    """Yield an endpoint that is listening; its ``url`` is for ALERT_URLS."""
    endpoint = Endpoint()
    threading.Thread(target=endpoint.server.serve_forever, daemon=True).start()
    try:
        yield endpoint
    finally:
        endpoint.server.shutdown()
        endpoint.server.server_close()
