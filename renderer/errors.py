"""Splash's error answers: a class for each thing a client can do about it, its docstring the `description`."""

from __future__ import annotations

from typing import Any


class SplashError(Exception):
    """The request could not be answered."""

    status = 500

    def __init__(self, info: Any = None) -> None:
        super().__init__(info)
        self.info = info

    def answer(self) -> dict[str, Any]:
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
    """The renderer has no room for this request now; it can be sent again"""

    status = 503


class PageFailed(Exception):
    """The page could not be loaded; the code is what Splash reports for the same mishap."""

    def __init__(self, code: int, text: str, url: str, kind: str = "Network") -> None:
        super().__init__(code, text, url)
        self.code, self.text, self.url, self.kind = code, text, url, kind

    @property
    def reason(self) -> str:
        """What ``splash:go`` returns as its second value."""
        return f"{self.kind.lower()}{self.code}"

    def as_render_error(self) -> RenderError:
        return RenderError({"type": self.kind, "code": self.code, "text": self.text, "url": self.url})


# Chromium's net::ERR_* and Splash's (that is, Qt's) number and words for the same.
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


def page_failure(error_text: str, url: str) -> PageFailed:
    """Translate Chromium's ``net::ERR_...`` for the page at this URL."""
    name = error_text.removeprefix("net::").removeprefix("ERR_")
    if name.startswith(("SSL_", "CERT_")):
        return PageFailed(6, f"SSL handshake failed ({name})", url)
    code, text = _NETWORK_ERRORS.get(name, (99, f"Unknown error ({name})"))
    return PageFailed(code, text, "" if code == 301 else url)


def forbidden_scheme() -> PageFailed:
    """What Splash says of file: and of schemes that it does not know."""
    return PageFailed(301, 'Protocol "" is unknown', "")
