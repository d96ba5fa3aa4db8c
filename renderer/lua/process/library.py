"""The library commands that a script's process runs itself: json and base64, for values without binary objects."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from renderer.lua.process.converter import Converter
from renderer.lua.process.messages import MAX_RESULT, Body


class LibraryError(Exception):
    """The error of a library command that a script called wrongly; the script can catch it."""


@dataclass(frozen=True)
class Forward:
    """The result of a command that the server must run, because only it has the bytes of binary objects."""

    arguments: list[Any]


Library = dict[bytes, Callable[..., Any]]


def library_of(converter: Converter) -> Library:
    """Return the library functions by the names of their commands; each returns a Lua value or a Forward."""

    def encode_json(value: Any = None) -> bytes | Forward:
        parts = json_parts(converter, value)
        return parts[0] if len(parts) == 1 else Forward([converter.parts(parts)])

    def decode_json(text: bytes) -> Any:
        try:
            return converter.to_lua(json.loads(text.decode("utf-8", "surrogateescape")))
        except (ValueError, RecursionError) as error:
            raise LibraryError(str(error)) from error

    def encode_base64(value: Any) -> bytes | Forward:
        return (
            base64.b64encode(value) if isinstance(value, bytes) else Forward(converter.to_arguments([value]))
        )

    def decode_base64(text: bytes) -> bytes:
        try:
            return base64.b64decode(text)
        except binascii.Error as error:
            raise LibraryError(str(error)) from error

    return {
        b"json.encode": encode_json,
        b"json.decode": decode_json,
        b"base64.encode": encode_base64,
        b"base64.decode": decode_base64,
    }


def json_parts(converter: Converter, value: Any, *, are_several: bool = False) -> list[Any]:
    """Return the JSON of a value, or of a list of values, in parts: bytes, and the numbers of binary objects."""
    mark = f"binary {os.urandom(16).hex()} "  # no script can guess it
    numbers: list[int] = []

    def place(number: int) -> str:
        numbers.append(number)
        return f"{mark}{number}{mark}"

    values = value if are_several else [value]
    found = [converter.to_json(item, place) for item in values]
    text = json.dumps(found if are_several else found[0]).encode()
    if not numbers:
        return [text]
    parts: list[Any] = text.split(mark.encode())
    parts[1::2] = [int(number) for number in parts[1::2]]
    return parts


def body_of(converter: Converter, values: list[Any]) -> list[Any]:
    """Return the kind and the content of the answer's body, made of the results of main."""
    if not values:
        return [Body.EMPTY, []]
    if len(values) > 1:
        return _json_body(converter, json_parts(converter, values, are_several=True))
    value = values[0]
    if isinstance(value, bytes):
        return [Body.TEXT, converter.parts([value])] if len(value) <= MAX_RESULT else [Body.TOO_LARGE, []]
    number = converter.binary(value)
    if number is not None:
        return [Body.BINARY, converter.parts([number])]
    if converter.is_container(value):
        return _json_body(converter, json_parts(converter, value))
    plain = converter.to_json(value, str)  # raises NotConvertible for other values
    return [Body.TEXT, converter.parts([str(plain).encode()])]


def _json_body(converter: Converter, parts: list[Any]) -> list[Any]:
    if sum(len(part) for part in parts if isinstance(part, bytes)) > MAX_RESULT:
        return [Body.TOO_LARGE, []]
    return [Body.JSON, converter.parts(parts)]
