"""Splash's error answers, for people."""

from __future__ import annotations

from typing import Any


def short(error: dict[str, Any]) -> str:
    """A Splash error answer in one line: its type, what it says, and where in the script."""
    info = error.get("info")
    if not isinstance(info, dict):
        info = {"message": str(info or "")}
    said = (
        info.get("message") or info.get("text") or info.get("description") or error.get("description") or ""
    )
    line = f" (line {info['line_number']} of the script)" if "line_number" in info else ""
    about = f" [{info['argument']}]" if "argument" in info else ""
    return " ".join(f"{error.get('type', 'error')}{about}: {said}{line}".split())[:500]
