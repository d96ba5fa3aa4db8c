"""HTTP headers as text: the checks of names and values from clients and scripts, and the joining of several values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110, 5.6.2

# Headers that the renderer's server sets itself: those of the connection and of the response's length, and those that
# isolate a result that is opened in a browser.
OF_THE_SERVER = frozenset(
    {
        "connection",
        "content-length",
        "content-security-policy",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-content-type-options",
    }
)


def check_header(name: str, value: str) -> None:
    """Raise ValueError, with a reason that names the header, if a header cannot be sent."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(
            f"{name!r} is not the name of a header: letters, digits and !#$%&'*+-.^_`|~ are allowed"
        )
    check_header_value(name, value)


def check_header_value(name: str, value: str) -> None:
    """Raise ValueError if a value would end its line, or cannot be encoded."""
    if any(character in value for character in "\r\n\0"):
        raise ValueError(f"the value of {name!r} must have no line end and no NUL")
    # Bytes of a script that are not UTF-8 are surrogates here; they are sent as these bytes.
    if any("\ud800" <= character < "\udc80" or "\udd00" <= character <= "\udfff" for character in value):
        raise ValueError(f"the value of {name!r} has half of a character")


def check_result_header(name: str, value: str) -> None:
    """Raise ValueError, with a message for the script, if a script must not set this header on its result."""
    if not (name.isascii() and value.isascii()):
        raise ValueError("splash:set_result_header() arguments must be ascii")
    check_header(name, value)
    if name.lower() in OF_THE_SERVER:
        raise ValueError(f"splash:set_result_header() cannot set {name}: the server sets it")


def joined_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return headers in Splash's form: commas join the values of one name, line ends join those of Set-Cookie."""
    return {
        name: value if name.lower() == "set-cookie" else str(value).replace("\n", ", ")
        for name, value in headers.items()
    }
