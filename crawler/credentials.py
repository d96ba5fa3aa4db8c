"""What a page must not take with it when it is kept: cookies, passwords, and whatever else lets one in somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADERS = frozenset(
    ("cookie", "cookie2", "set-cookie", "set-cookie2", "authorization", "proxy-authorization")
)
NAMES = frozenset((*HEADERS, "cookies", "proxy", "http_user", "http_pass", "splash_headers"))
WORDS = ("password", "passwd", "secret")
WORDS_OF_SENT = ("cookie", "auth", "token", "key", *WORDS)


def is_secret(name: str) -> bool:
    """Whether what has this name is a credential: a header, an argument, a key in ``meta``."""
    name = name.lower()
    return name in NAMES or any(word in name for word in WORDS)


def may_be_secret(name: str) -> bool:
    """The same of a header or an argument that was only sent, and which nobody misses: rather once too often."""
    return is_secret(name) or any(word in name.lower() for word in WORDS_OF_SENT)


def without_credentials(value: Any) -> Any:
    """A copy of a JSON value without the credentials in it, however deep: headers (pairs, or objects with a name
    and a value, as HAR has them), cookies, proxies, passwords.
    """
    if isinstance(value, Mapping):
        return {name: without_credentials(part) for name, part in value.items() if not is_secret(str(name))}
    if isinstance(value, list | tuple):
        return [without_credentials(part) for part in value if not _is_secret_header(part)]
    return value


def _is_secret_header(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "value" in value and str(value.get("name", "")).lower() in HEADERS
    return isinstance(value, list | tuple) and len(value) == 2 and str(value[0]).lower() in HEADERS
