"""Splash's errors: a class for each kind; its docstring is the field ``description`` of the answer."""

from __future__ import annotations

import http.client
from html import escape
from typing import Any
from urllib.parse import urlsplit


class SplashError(Exception):
    """The request could not be answered."""

    status = 500

    def __init__(self, info: Any = None) -> None:
        super().__init__(info)
        self.info = info

    def answer(self) -> dict[str, Any]:
        """Return the error as JSON of Splash's API."""
        return {
            "error": self.status,
            "type": type(self).__name__,
            "description": (type(self).__doc__ or "").strip(),
            "info": self.info,
        }


class BadOption(SplashError):
    """Incorrect HTTP API arguments"""

    status = 400


class ScriptError(BadOption):
    """Error happened while executing Lua script"""


class UnsupportedContentType(SplashError):
    """Request Content-Type is not supported"""

    status = 415


class ExpiredArguments(SplashError):
    """Arguments stored with ``save_args`` are expired"""

    status = 498


class RenderError(SplashError):
    """Error rendering page"""

    status = 502


class GlobalTimeoutError(SplashError):
    """Timeout exceeded rendering page"""

    status = 504


class InternalError(SplashError):
    """Unhandled internal error"""

    status = 500


class Overloaded(SplashError):
    """The renderer cannot process this request now; send it again later"""

    status = 503


class PageFailed(Exception):
    """The page failed to load; ``code`` is Splash's number for the error."""

    def __init__(self, code: int, text: str, url: str, kind: str = "Network") -> None:
        super().__init__(code, text, url)
        self.code, self.text, self.url, self.kind = code, text, url, kind

    @property
    def reason(self) -> str:
        """The second value that ``splash:go`` returns."""
        return f"{self.kind.lower()}{self.code}"

    def as_page(self) -> str:
        """Return the HTML that Splash shows in the page's place."""
        text, url = escape(self.text, quote=False), escape(self.url, quote=False)
        return f"""<html><head><title>Failed loading page</title></head>
                <body>
                    <h1>Failed loading page ({text})</h1>
                    <h2>{url}</h2>
                    <p>{self.kind} error #{self.code}</p>
                </body></html>"""

    def as_render_error(self) -> RenderError:
        return RenderError({"type": self.kind, "code": self.code, "text": self.text, "url": self.url})


class CutOff(PageFailed):
    """The page's response was cut off: the connection was lost, or it had fewer bytes than announced."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(status, http.client.responses.get(status, ""), url, kind="HTTP")

    @property
    def reason(self) -> str:
        return "render_error"


# Chromium's net::ERR_* with Splash's (that is, Qt's) number and text of the same error.
_NETWORK_ERRORS: dict[str, tuple[int, str]] = {
    "CONNECTION_REFUSED": (1, "Connection refused"),
    "UNSAFE_PORT": (1, "Connection refused"),
    "CONNECTION_CLOSED": (2, "Connection closed"),
    "CONNECTION_RESET": (2, "Connection closed"),
    "EMPTY_RESPONSE": (2, "Connection closed"),
    "INVALID_HTTP_RESPONSE": (2, "Connection closed"),
    "NAME_NOT_RESOLVED": (3, "Host not found"),
    "NAME_RESOLUTION_FAILED": (3, "Host not found"),
    "ADDRESS_UNREACHABLE": (99, "Network unreachable"),
    "INTERNET_DISCONNECTED": (99, "Network unreachable"),
    "CONNECTION_TIMED_OUT": (4, "Socket operation timed out"),
    "TIMED_OUT": (5, "Operation canceled"),
    "ABORTED": (5, "Operation canceled"),
    "ACCESS_DENIED": (301, 'Protocol "" is unknown'),  # a script aborted the page's own request
    "BLOCKED_BY_CLIENT": (5, "Operation canceled"),
    "BLOCKED_BY_PRIVATE_NETWORK_ACCESS_CHECKS": (5, "Private addresses are not allowed"),
    "PROXY_CONNECTION_FAILED": (101, "Connection to proxy refused"),
    "TUNNEL_CONNECTION_FAILED": (102, "Proxy connection closed"),
    "TOO_MANY_REDIRECTS": (399, "Too many redirects"),
    "UNKNOWN_URL_SCHEME": (301, 'Protocol "" is unknown'),
    "DISALLOWED_URL_SCHEME": (301, 'Protocol "" is unknown'),
    "INVALID_URL": (301, 'Protocol "" is unknown'),
    "UNSAFE_REDIRECT": (301, 'Protocol "" is unknown'),
}


_DESCRIPTIONS = {
    **{f"network{code}": text for code, text in _NETWORK_ERRORS.values()},
    "network5": "Operation canceled",
    "network6": "SSL handshake failed",
    "network99": "Unknown network error",
    "webkit102": "Frame load interrupted by policy change",
    "render_error": "The response of the page was cut off",
}


def describe_reason(reason: str) -> str:
    """Return the description of a reason of ``splash:go`` like ``network1`` or ``http404``; else an empty text."""
    if reason.startswith("http") and reason[4:].isdecimal() and len(reason) == 7:
        return f"HTTP status {reason[4:]}"
    return _DESCRIPTIONS.get(reason, "")


def page_failure(error_text: str, url: str) -> PageFailed:
    """Return Splash's error for Chromium's ``net::ERR_...`` of the page at this URL."""
    name = error_text.removeprefix("net::").removeprefix("ERR_")
    if name.startswith(("SSL_", "CERT_")):
        return PageFailed(6, f"SSL handshake failed ({name})", url)
    code, text = _NETWORK_ERRORS.get(name, (99, f"Unknown error ({name})"))
    if code == 3 and (host := urlsplit(url).hostname):
        text = f"Host {host} not found"
    return PageFailed(code, text, "" if code == 301 else url)


def download_failure(url: str) -> PageFailed:
    """Return Splash's error for a URL that is a download and not a page."""
    return PageFailed(102, "Frame load interrupted by policy change", url, "WebKit")


def forbidden_scheme() -> PageFailed:
    """Return Splash's error for ``file:`` and for schemes that it does not know."""
    return PageFailed(301, 'Protocol "" is unknown', "")
