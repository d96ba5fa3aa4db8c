"""Access control: programs and the server's own page may send requests; pages that a browser shows may not.

A web page can make a browser send a request here: by a link, a redirect, a form, an image, a fetch, a WebSocket, or by
a host name of its own that resolves to this address. It cannot read the answer, but the request alone runs a script.
A page cannot send a header that needs a preflight (a JSON Content-Type, Authorization: Bearer, X-Requested-With): the
browser first asks for permission with OPTIONS, and this server never gives it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

Headers = Sequence[tuple[str, str]]

READ_ONLY = frozenset({"/", "/_ping", "/_debug"})  # a GET of these does no work
# The types that this server reads; a page can send them to another origin only after a preflight.
PREFLIGHT_TYPES = frozenset({"application/json", "application/javascript"})

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_BROWSERS_OWN = ("sec-", "x-moz", "access-control-request-")  # prefixes of header names
_BROWSERS = frozenset({"upgrade-insecure-requests", "purpose", "x-purpose", "dnt", "ping-from", "ping-to"})
_USER_AGENTS = ("mozilla/", "opera/")

ELSEWHERE = "this server answers only to its own address"
FROM_A_PAGE = "web pages may not use this server"
LIKE_A_BROWSER = (
    "web pages may not use this server, and this request looks like a browser's: open / to try something by hand; "
    "a program sends its arguments as JSON by POST, or a header X-Requested-With"
)


@dataclass(frozen=True, kw_only=True)
class RequestHead:
    """The head of a request: the parts that tell who sent it."""

    method: str
    target: str  # unchanged, from the request line
    headers: Headers

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        return found

    def all(self, name: str) -> list[str]:
        """Return the values of all headers of this name."""
        return self._by_name.get(name, [])

    def one(self, name: str) -> str:
        """Return the first value of the header, or an empty text."""
        values = self.all(name)
        return values[0] if values else ""


def reason_to_refuse(head: RequestHead, hosts: frozenset[str], *, has_token: bool) -> str | None:
    """Return the reason to refuse a request with 403, or None to serve it.

    ``hosts`` are the names of this server. ``has_token`` says that the request has the server's token. Without a token,
    the Host header must have one of the names.
    """
    if not head.target.startswith("/"):
        return ELSEWHERE  # a request in the form for proxies: its host would count more than the header
    host = host_of(head.all("host"))
    if not has_token and host not in hosts:
        return ELSEWHERE
    site = head.one("sec-fetch-site").strip().lower()
    if site in ("cross-site", "same-site"):
        return FROM_A_PAGE
    # Origin is compared with Host, but a proxy in front of a server with a token may have changed Host.
    is_own_page = has_token and site == "same-origin"
    if not is_own_page and not all(is_own_url(value, head) for value in head.all("origin")):
        return FROM_A_PAGE
    if head.method in ("GET", "HEAD") and head.target.partition("?")[0] in READ_ONLY:
        return None
    if needs_preflight(head) or not looks_like_a_browser(head):
        return None
    return LIKE_A_BROWSER


def host_of(values: Sequence[str]) -> str | None:
    """Return the name in the Host header in lower case; None unless there is exactly one, and it is valid."""
    if len(values) != 1:
        return None
    match = _HOST.fullmatch(values[0].lower())
    if match is None or not 0 < int(match["port"] or 1) < 65536:
        return None
    return match["name"]


def is_own_url(url: str, head: RequestHead) -> bool:
    """Return whether an Origin or a Referer is of this server: http or https, and the host of the Host header."""
    try:
        parts = urlsplit(url.strip())
        return parts.scheme in ("http", "https") and parts.netloc.lower() == head.one("host").strip().lower()
    except ValueError:
        return False


def needs_preflight(head: RequestHead) -> bool:
    """Return whether a page can send this request to another origin only after a preflight."""
    if head.method == "POST" and media_type(head.one("content-type")) in PREFLIGHT_TYPES:
        return True
    bearer = head.one("authorization").lower().startswith("bearer ")
    return bearer or bool(head.all("x-requested-with"))


def media_type(content_type: str) -> str:
    """Return a content type without its parameters: a page can choose them freely."""
    return content_type.partition(";")[0].strip().lower()


def looks_like_a_browser(head: RequestHead) -> bool:
    """Return whether a request has a header that only browsers send, or a browser's user agent."""
    names = [name.lower() for name, _ in head.headers]
    if any(name in _BROWSERS or name.startswith(_BROWSERS_OWN) for name in names):
        return True
    if head.all("origin") or not all(is_own_url(value, head) for value in head.all("referer")):
        return True
    return any(mark in value.lower() for value in head.all("user-agent") for mark in _USER_AGENTS)
