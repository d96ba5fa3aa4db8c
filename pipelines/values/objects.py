"""Readers for UUID, bytes, JSON and ARRAY columns."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import suppress
from typing import Any

from sqlalchemy import JSON, LargeBinary, Uuid

from models.json_values import bytes_from_text
from pipelines.values.invalid_value import Hints, InvalidValue, Reader, quoted

UUID = re.compile(
    r"(?:urn:uuid:)?(\{)?[0-9a-f]{8}(-?)[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12}(?(1)\})", re.I
)


def uuid_reader(type_: Uuid[Any], _hints: Hints) -> Reader:
    """Return a reader for UUIDs and their text."""

    def read(value: Any) -> uuid.UUID | str:
        if isinstance(value, str) and UUID.fullmatch(value):
            value = uuid.UUID(value)
        if not isinstance(value, uuid.UUID):
            raise InvalidValue(f"is not a UUID: {quoted(value)}")
        return value if type_.as_uuid else str(value)

    return read


def binary_reader(type_: LargeBinary, _hints: Hints) -> Reader:
    """Return a reader for bytes of at most the column's length."""

    length = type_.length

    def read(value: Any) -> bytes:
        if isinstance(value, str):  # from a rejected item, as rejected_item has it
            with suppress(ValueError):
                value = bytes_from_text(value)
        if not isinstance(value, bytes | bytearray | memoryview):
            raise InvalidValue(f"is {type(value).__name__}, not bytes: {quoted(value)}")
        converted = bytes(value)
        if length is not None and len(converted) > length:
            raise InvalidValue(f"is {len(converted)} bytes long, the column has at most {length}")
        return converted

    return read


def array_reader(item_reader: Reader, dimensions: int | None) -> Reader:
    """Return a reader for lists, and lists in lists, that reads each value with ``item_reader``."""

    def read(value: Any, depth: int = 1) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise InvalidValue(f"is {type(value).__name__}, not a list: {quoted(value)}")
        converted = []
        for position, one in enumerate(value):
            try:
                nested = depth < dimensions if dimensions else isinstance(one, list | tuple)
                converted.append(
                    None if one is None else read(one, depth + 1) if nested else item_reader(one)
                )
            except InvalidValue as invalid:
                raise InvalidValue(f"[{position}] {invalid}") from None
        return converted

    return read


def json_reader(_type: JSON, _hints: Hints) -> Reader:
    """Return a reader for values that JSON can store."""

    def read(value: Any) -> Any:
        try:
            encoded = json.dumps(value, allow_nan=False)
            converted = json.loads(
                encoded
            )  # as the database returns it: names are text, and tuples are lists
            json.dumps(converted, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidValue("has a lone surrogate, half of a character") from None
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidValue(f"cannot be JSON: {error}") from None
        if "\\u0000" in encoded:
            raise InvalidValue("has a NUL character")
        return converted

    return read
