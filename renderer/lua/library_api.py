"""What json, base64 and treat need of Python."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from renderer.lua.conversion import Binary, NotConvertible, to_json
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime


class LibraryApi:
    """Plain functions behind Lua names."""

    def add_to(self, runtime: Runtime) -> None:
        for name, function in (
            ("json.encode", encode_json),
            ("json.decode", decode_json),
            ("base64.encode", encode_base64),
            ("base64.decode", decode_base64),
            ("treat.as_binary", as_binary),
            ("treat.as_string", as_string),
        ):
            runtime.add(Command(name, function, takes_table=True))


def encode_json(value: Any = None) -> str:
    try:
        return json.dumps(to_json(value))
    except NotConvertible as error:
        raise LuaFailure(str(error)) from error


def decode_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LuaFailure(str(error)) from error


def encode_base64(value: Any) -> str:
    return base64.b64encode(_bytes(value)).decode("ascii")


def decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise LuaFailure(str(error)) from error


def as_binary(value: Any, content_type: str | None = None) -> Binary:
    if content_type is None:
        content_type = value.content_type if isinstance(value, Binary) else "application/octet-stream"
    return Binary(_bytes(value), content_type)


def as_string(value: Binary) -> Results:
    return Results((value.data, value.content_type))


def _bytes(value: Any) -> bytes:
    return value.data if isinstance(value, Binary) else str(value).encode("utf-8", "surrogateescape")
