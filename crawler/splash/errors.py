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
    "network99": "the network failed",
    "network101": "the proxy refused the connection",
    "network102": "the proxy closed the connection",
    "network103": "the proxy was not found",
    "network104": "the proxy did not answer in time",
    "network105": "the proxy wants a password",
    "network301": "a browser cannot load addresses of this kind",
    "network399": "the site's answer is against the protocol, or it redirects without end",
    "webkit102": "it is a download, and no page",
    "webkit103": "a browser refuses this address or port",
    "render_error": "its answer was cut off before its end",
}

NO_ANSWER = ("no answer", "network4")  # codes of a site that did not answer in time
SCRIPT_FAILED = "a render script failed on this page"


def script_message(error: Mapping[str, Any]) -> str:
    """Return the error that a script raised, or that the page's JavaScript threw in it, without a line of the script.

    Args:
        error: the JSON of an answer with status 400.
    """
    info = error.get("info")
    if not isinstance(info, Mapping):
        return ""
    message = str(info.get("js_error") or info.get("message") or info.get("description") or "")
    return re.sub(r"^(?:Lua error: )?\[string .*?\]:\d+: ", "", message)


def place_in(script: str, name: str, error: Mapping[str, Any]) -> str:
    """Return the name of an own render script and, if the error is in its lines, the line.

    Args:
        script: the text that was sent, in which a comment with the name precedes the script.
        error: the JSON of an answer with status 400.
    """
    info = error.get("info")
    line = info.get("line_number") if isinstance(info, Mapping) else None
    before = script.partition(f"\n-- {name}\n")[0].count("\n") + 2
    return f"{name}, line {line - before}" if isinstance(line, int) and line > before else name


def could_not_load(code: str) -> str:
    """Return a message for a reason of ``splash:go``, such as ``network1``."""
    return f"could not be loaded: {LOADING.get(code, f'unknown reason ({code})')}"


def loading_code(error: Mapping[str, Any]) -> str | None:
    """Return the code of the reason why a render.* endpoint could not load the page; None for other errors."""
    info = error.get("info")
    if error.get("type") != "RenderError" or not isinstance(info, Mapping):
        return None
    code = _loading_code("RenderError", info)
    return "render_error" if code == "http200" else code


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
