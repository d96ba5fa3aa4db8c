"""What a script has typed into a page."""

from __future__ import annotations

from typing import Any

from renderer.lua.runtime import LuaFailure


def typed_text(text: Any) -> str:
    """Text as it is; a LuaFailure for anything else."""
    if not isinstance(text, str):
        raise LuaFailure("what is sent must be a string", argument="text")
    return text
