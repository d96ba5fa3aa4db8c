"""Plain HTTP requests to the demo site: ``visit`` follows no redirect, and no status is an error."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        """Return the cookie that a browser would send back: ``name=value``."""
        return (self.headers["Set-Cookie"] or "").split(";")[0]


def visit(url: str, form: dict[str, str] | None = None, method: str | None = None, **headers: str) -> Answer:
    """Send a GET, or a POST of a form, and return the response.

    A header's name has underscores for its hyphens: ``Content_Type`` is ``Content-Type``.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    body = None if form is None else urlencode(form)
    if form is not None:
        headers["Content_Type"] = "application/x-www-form-urlencoded"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection.request(method or ("GET" if form is None else "POST"), path, body, sent)
    answer = connection.getresponse()
    received = Answer(status=answer.status, headers=answer.headers, body=answer.read())
    connection.close()
    return received
