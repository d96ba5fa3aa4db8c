"""Splash's error answers, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST = 500  # characters; a script's message may carry a page in it

# The names that Splash gives to what its browser could not load: Qt's network errors, by number.
LOADING = {
    "network1": "connection refused",
    "network2": "the site closed the connection",
    "network3": "host not found",
    "network4": "the connection timed out",
    "network5": "loading was cancelled",
    "network6": "the TLS handshake failed",
    "network7": "the network went away",
}


def short(error: Mapping[str, Any]) -> str:
    """A Splash error answer in one line: what went wrong, its type, and where in the script.

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
    if code.startswith("http"):
        return f"the site answered {code.removeprefix('http')}"
    if code:
        return f"page could not be loaded: {info.get('text') or LOADING.get(code, 'unknown reason')} ({code})"
    if kind == "GlobalTimeoutError":
        return f"page was not ready after {info.get('timeout', '?')} s"
    if kind == "ExpiredArguments":
        return f"arguments that Splash no longer has: {', '.join(map(str, info.get('expired', [])))}"
    said = info.get("message") or info.get("text") or info.get("description") or error.get("description")
    about = f"{info['argument']}: " if "argument" in info else ""
    return f"{about}{said or 'no reason given'}"


def _loading_code(kind: str, info: Mapping[str, Any]) -> str:
    """ "network3", "http404" and their like, where that is what is wrong; otherwise nothing."""
    if kind == "RenderError":
        return f"{info.get('type', 'network')}{info.get('code', '')}".lower()
    raised = str(info.get("error", ""))  # what the script's assert(splash:go(...)) had in hand
    return raised if re.fullmatch(r"(network|webkit|http)\d+", raised) else ""
