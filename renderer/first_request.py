"""What the first request of a navigation is to look like, and what Chromium can be told of that."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Params = dict[str, Any]

# Of these Chromium decides by itself, and refuses the whole request otherwise.
_CHROMIUMS_OWN = frozenset(
    {
        "connection",
        "content-length",
        "cookie2",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_USUAL_CONNECTIONS = frozenset({"", "keep-alive", "close"})


@dataclass(frozen=True, kw_only=True)
class FirstRequest:
    """What only the first request of a navigation is to look like."""

    method: str = "GET"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None

    @property
    def is_plain(self) -> bool:
        return self.method == "GET" and not self.headers and self.body is None

    def changes(self, request: Params) -> Params:
        """The parameters of CDP's Fetch.continueRequest that make this of Chromium's request."""
        allowed = [
            (name, value)
            for name, value in self.headers
            if name.lower() not in _CHROMIUMS_OWN or _is_unusual(name, value, request["url"])
        ]
        given = {name.lower() for name, _ in allowed}
        headers = [
            {"name": name, "value": value}
            for name, value in request["headers"].items()
            if name.lower() not in given
        ]
        headers += [{"name": name, "value": value} for name, value in allowed]
        changes: Params = {"headers": headers, "method": self.method}
        if self.method != "GET":
            if "content-type" not in given:
                headers.append({"name": "Content-Type", "value": "application/x-www-form-urlencoded"})
            changes["postData"] = base64.b64encode(self.body or b"").decode("ascii")
        return changes


def _is_unusual(name: str, value: str, url: str) -> bool:
    """Whether this is more than what is in everybody's list of headers, copied from a browser."""
    match name.lower():
        case "host":
            return value.strip().lower() != urlsplit(url).netloc.rpartition("@")[2].lower()
        case "connection":
            return value.strip().lower() not in _USUAL_CONNECTIONS
    return False


def acceptable(headers: list[Params]) -> list[Params]:
    """Those of them that Chromium does not refuse."""
    return [header for header in headers if header["name"].lower() not in _CHROMIUMS_OWN]


def beyond_chromium(headers: Sequence[tuple[str, str]], url: str) -> bool:
    """Whether Chromium would refuse a request with these headers that we can send."""
    return any(_is_unusual(name, value, url) for name, value in headers)


def body_of(paused: Params) -> bytes | None:
    """What a paused request is about to send."""
    entries = paused["request"].get("postDataEntries", ())
    if entries:
        return b"".join(base64.b64decode(entry.get("bytes", "")) for entry in entries)
    text = paused["request"].get("postData")
    return None if text is None else str(text).encode("utf-8", "surrogatepass")
