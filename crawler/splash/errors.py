"""Splash's error answers as one line of text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST = 500  # characters; a script's message may contain a page

# Splash's names of loading errors: Qt's network errors, by number.
LOADING = {
    "network1": "connection refused",
    "network2": "the site closed the connection",
    "network3": "host not found",
    "network4": "the connection timed out",
    "network5": "loading was cancelled",
    "network6": "the TLS handshake failed",
    "network7": "the network went away",
    "webkit103": "a browser asks for nothing at this address or port",
    "render_error": "its answer was cut off before its end",
}

# The messages of Chromium and QtWebKit for a text that is no CSS selector or no XPath.
WRONG_SELECTOR = re.compile(r"is not a valid (?:selector|XPath)|DOM (?:XPath )?Exception (?:12|51)\b")
# The arguments of our render scripts that are selectors.
SELECTORS = ("wait_for", "scroll_items", "scroll_end", "next_button", "next_changes", "logged_in")


def wrong_selector(error: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    """Return which of a request's selectors the browser refused; None if the error has another cause.

    Args:
        error: the JSON of an answer with status 400.
        arguments: the arguments of the render script.
    """
    info = error.get("info")
    message = str(info.get("message") or info.get("description", "")) if isinstance(info, Mapping) else ""
    if not WRONG_SELECTOR.search(message):
        return None
    given = {name: str(arguments[name]) for name in SELECTORS if arguments.get(name)}
    named = {name: text for name, text in given.items() if repr(text) in message or f"'{text}'" in message}
    found = " or ".join(f"{name}={text!r}" for name, text in (named or given).items())
    return f"{found} is neither an XPath (which begins with /, ./ or a bracket) nor a CSS selector"


def could_not_load(reason: str) -> str:
    """Return a message for a reason of ``splash:go``, such as ``network1``."""
    if reason in LOADING:
        return f"could not be loaded: {LOADING[reason]} ({reason})"
    return f"could not be loaded ({reason})"


def loading_error(error: Mapping[str, Any]) -> str | None:
    """Return why a render.* endpoint could not load the page; None for other errors."""
    info = error.get("info")
    if error.get("type") != "RenderError" or not isinstance(info, Mapping):
        return None
    code = _loading_code("RenderError", info)
    return could_not_load("render_error" if code == "http200" else code)


def one_line_error(error: Mapping[str, Any]) -> str:
    """Return a Splash error answer as one line: the reason, the type, and the line of the script.

    Args:
        error: the JSON of an answer with status 400, 498, 500, 502, 503 or 504.
    """
    info = error.get("info")
    if not isinstance(info, Mapping):
        info = {"message": str(info or "")}
    kind = str(error.get("type") or error.get("error") or "error")
    where = [kind]
    if "line_number" in info:
        where.append(f"line {info['line_number']} of the script")
    reason = _reason(kind, error, info)
    return " ".join(f"{reason} ({', '.join(where)})".split())[:LONGEST]


def _reason(kind: str, error: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    code = _loading_code(kind, info)
    if code == "http200":  # Splash reports an answer without an end so
        return f"page could not be loaded: {LOADING['render_error']}"
    if code.startswith("http"):
        return f"the site answered {code.removeprefix('http')}"
    if code:
        return f"page could not be loaded: {info.get('text') or LOADING.get(code, 'unknown reason')} ({code})"
    if kind == "GlobalTimeoutError":
        return f"page was not ready after {info.get('timeout', '?')} s"
    if kind == "ExpiredArguments":
        return f"arguments that Splash no longer has: {', '.join(map(str, info.get('expired', [])))}"
    message = info.get("message") or info.get("text") or info.get("description") or error.get("description")
    argument = f"{info['argument']}: " if "argument" in info else ""
    return f"{argument}{message or 'no reason given'}"


def _loading_code(kind: str, info: Mapping[str, Any]) -> str:
    """Return Splash's code of a loading error ("network3", "http404"); empty text for other errors."""
    if kind == "RenderError":
        return f"{info.get('type', 'network')}{info.get('code', '')}".lower()
    raised = str(info.get("error", ""))  # the reason in the script's assert(splash:go(...))
    return raised if re.fullmatch(r"(network|webkit|http)\d+|render_error", raised) else ""
