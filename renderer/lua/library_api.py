"""json, base64 and treat for binary objects, whose bytes only the server has. The script's process does the rest."""

from __future__ import annotations

import base64
from typing import Any

from renderer.lua.lua_command import Command, LuaFailure, Results
from renderer.lua.lua_values import Binary
from renderer.lua.process.messages import MAX_RESULT, OUT_OF_MEMORY
from renderer.lua.runtime import Runtime


class LibraryApi:
    """The commands of the libraries."""

    def add_to(self, runtime: Runtime) -> None:
        for name, function in (
            ("json.encode", encode_json),
            ("base64.encode", encode_base64),
            ("treat.as_binary", as_binary),
            ("treat.as_string", as_string),
        ):
            runtime.add(Command(name, function, takes_table=True))


class TooLarge(Exception):
    """A value is larger than a result may be."""


def join_parts(parts: list[bytes | Binary]) -> bytes:
    """Return the parts as JSON, binary objects in base64; raise TooLarge if it is larger than ``MAX_RESULT``."""
    sizes = (len(part) if isinstance(part, bytes) else len(part.data) * 4 // 3 for part in parts)
    if sum(sizes) > MAX_RESULT:
        raise TooLarge
    return b"".join(part if isinstance(part, bytes) else base64.b64encode(part.data) for part in parts)


def encode_json(parts: list[bytes | Binary]) -> bytes:
    try:
        return join_parts(parts)
    except TooLarge as error:
        raise LuaFailure(OUT_OF_MEMORY) from error


def encode_base64(value: Any) -> bytes:
    return base64.b64encode(_bytes(value))


def as_binary(value: Any, content_type: str | None = None) -> Binary:
    if content_type is None:
        content_type = value.content_type if isinstance(value, Binary) else "application/octet-stream"
    return Binary(_bytes(value), content_type)


def as_string(value: Binary) -> Results:
    return Results((value.data, value.content_type))


def _bytes(value: Any) -> bytes:
    return value.data if isinstance(value, Binary) else str(value).encode("utf-8", "surrogateescape")
