"""The first request of a navigation: the method, headers and body that a client sets, and what Chromium accepts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Params = dict[str, Any]

# Chromium sets these headers itself, and refuses a request in which CDP sets one of them.
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
# Headers that a redirect to another origin drops: secrets of the first origin, and its name.
_OF_ONE_ORIGIN = frozenset({"authorization", "cookie", "host", "proxy-authorization"})
_OF_A_BODY = frozenset({"content-type", "content-length", "content-encoding"})


@dataclass(frozen=True, kw_only=True)
class FirstRequest:
    """The method, headers and body that only the first request of a navigation has."""

    method: str = "GET"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    # Names, in lower case, of headers that all requests of the render have, but not this one.
    without: frozenset[str] = frozenset()

    @property
    def is_plain(self) -> bool:
        return self == FirstRequest()

    def changes(self, request: Params) -> Params:
        """Return the parameters of CDP's Fetch.continueRequest that change Chromium's request into this one."""
        allowed = [
            (name, value)
            for name, value in self.headers
            if name.lower() not in _CHROMIUMS_OWN or _is_unusual(name, value, request["url"])
        ]
        allowed = with_cookies_of(request["headers"], allowed)
        given = {name.lower() for name, _ in allowed}
        headers = [
            {"name": name, "value": value}
            for name, value in request["headers"].items()
            if name.lower() not in given | self.without
        ]
        headers += [{"name": name, "value": value} for name, value in allowed]
        changes: Params = {"headers": headers, "method": self.method}
        if self.method != "GET":
            if "content-type" not in given:
                headers.append({"name": "Content-Type", "value": "application/x-www-form-urlencoded"})
            changes["postData"] = base64.b64encode(self.body or b"").decode("ascii")
        return changes

    def redirected(self, request: Params, came_from: str) -> FirstRequest:
        """Return the first request after a server's redirect from this URL.

        It keeps the headers. To another origin it drops secrets, and without a body it drops headers of a body.
        """
        method = self.method if request["method"] == self.method else "GET"
        dropped = frozenset() if method != "GET" else _OF_A_BODY
        if _origin(request["url"]) != _origin(came_from):
            dropped |= _OF_ONE_ORIGIN
        headers = tuple((name, value) for name, value in self.headers if name.lower() not in dropped)
        return FirstRequest(method=method, headers=headers, body=None if method == "GET" else self.body)


def with_cookies_of(chromiums: Mapping[str, str], given: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the given headers; if one of them is Cookie, Chromium's own cookies are put in front of it.

    If both have a cookie, the value is Chromium's, which is newer.
    """
    jar = next((value for name, value in chromiums.items() if name.lower() == "cookie"), "")
    return [
        (name, joined_cookies(jar, value) if name.lower() == "cookie" else value) for name, value in given
    ]


def joined_cookies(jar: str, given: str) -> str:
    """Return a Cookie header with the jar's cookies, and with the given cookies that the jar does not have."""
    known = {_cookie_name(pair) for pair in jar.split(";")}
    more = [pair.strip() for pair in given.split(";") if pair.strip() and _cookie_name(pair) not in known]
    return "; ".join(filter(None, [jar.strip(), *more]))


def _cookie_name(pair: str) -> str:
    return pair.partition("=")[0].strip()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _is_unusual(name: str, value: str, url: str) -> bool:
    """Return whether the header has another value than a browser sends by itself for this URL."""
    match name.lower():
        case "host":
            return value.strip().lower() != urlsplit(url).netloc.rpartition("@")[2].lower()
        case "connection":
            return value.strip().lower() not in _USUAL_CONNECTIONS
    return False


def acceptable(headers: list[Params]) -> list[Params]:
    """Return the headers that Chromium does not refuse."""
    return [header for header in headers if header["name"].lower() not in _CHROMIUMS_OWN]


def beyond_chromium(headers: Sequence[tuple[str, str]], url: str) -> bool:
    """Return whether a request has headers that Chromium refuses, but the renderer can send."""
    return any(_is_unusual(name, value, url) for name, value in headers)


def body_of(paused: Params) -> bytes | None:
    """Return the body of a paused request; None if it has no body, or if Chromium does not return it."""
    entries = paused["request"].get("postDataEntries", ())
    if entries:
        return b"".join(base64.b64decode(entry.get("bytes", "")) for entry in entries)
    text = paused["request"].get("postData")
    return None if text is None else str(text).encode("utf-8", "surrogatepass")
