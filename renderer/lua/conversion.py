"""Values on their way between Lua and Python. Nothing of Python's is ever handed to a script as an object."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lupa.lua52 import lua_type

MAX_DEPTH = 100
MAX_HOLES = 10


class NotConvertible(Exception):
    """The script used a value that means nothing outside of Lua."""


@dataclass(frozen=True)
class Binary:
    """Bytes with a content type; scripts carry them around and cannot look inside."""

    data: bytes
    content_type: str


@dataclass(frozen=True)
class Element:
    """A node of the page, by the name that Chromium gave it."""

    object_id: str


@dataclass(frozen=True)
class Event(Element):
    """An event of the page, by its name in Chromium."""


@dataclass(frozen=True)
class Timer:
    """What call_later returned."""

    number: int


@dataclass(frozen=True)
class Exposed:
    """A request or response: fields that scripts read, and a number by which its methods find it."""

    kind: str
    number: int
    fields: Mapping[str, Any]


class Converter:
    """Knows the numbers under which a script holds its opaque objects."""

    def __init__(self, lua: Any, host: Any) -> None:
        self._table = lua.table_from
        self._kind = host[b"kind"]
        self._array = host[b"array"]
        self._make: dict[type, Callable[[int], Any]] = {
            Binary: host[b"binary"],
            Element: host[b"element"],
            Event: host[b"event"],
        }
        self._make_timer = host[b"timer"]
        self._make_exposed = host[b"exposed"]
        self._objects: list[Binary | Element] = []

    # -- Python to Lua

    def to_lua(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        if depth <= 0:
            raise NotConvertible("Can't convert Python object to Lua: depth limit is reached")
        if value is None or isinstance(value, bool | int | float | bytes):
            return float(value) if type(value) is int and abs(value) > 2**53 else value
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        if isinstance(value, Mapping):
            return self._table(
                {self.to_lua(key): self.to_lua(item, depth - 1) for key, item in value.items()}
            )
        if isinstance(value, list | tuple):
            return self._array(self._table([self.to_lua(item, depth - 1) for item in value]))
        if isinstance(value, Timer):
            return self._make_timer(value.number)
        if isinstance(value, Exposed):
            return self._make_exposed(value.kind.encode(), value.number, self.to_lua(value.fields, depth - 1))
        if isinstance(value, Binary | Element):
            self._objects.append(value)
            return self._make[type(value)](len(self._objects) - 1)
        raise NotConvertible(f"{type(value).__name__} means nothing in Lua")

    # -- Lua to Python

    def to_python(self, value: Any, depth: int = MAX_DEPTH, functions: bool = False) -> Any:
        """Functions pass as they are if ``functions``: to be started later, not to be looked at."""
        if depth <= 0:
            raise NotConvertible("Can't convert Lua object to Python: depth limit is reached")
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogateescape")
        kind = lua_type(value)
        if kind is None:
            return value
        if kind == "function" and functions:
            return value
        if kind != "table":
            raise NotConvertible(f"Lua {kind} objects are not allowed.")
        answer = self._kind(value)
        what, number = answer if isinstance(answer, tuple) else (answer, None)
        if what == b"array":
            return self._to_list(value, depth, functions)
        if what in (b"binary", b"element", b"event"):
            return self._objects[number]
        if what == b"timer":
            return Timer(number)
        if what is not None:
            raise NotConvertible("Lua function objects are not allowed.")
        return {
            self.to_python(key, depth - 1): self.to_python(item, depth - 1, functions)
            for key, item in value.items()
        }

    def _to_list(self, table: Any, depth: int, functions: bool) -> list[Any]:
        result: list[Any] = []
        for key, item in sorted(_numbered(table)):
            holes = key - len(result) - 1
            if holes > MAX_HOLES:
                raise NotConvertible("Lua table is too sparse. Try not to use nil values.")
            result.extend([None] * holes)
            result.append(self.to_python(item, depth - 1, functions))
        return result


class _Pair(tuple[int, Any]):
    """Sorted by its number alone."""

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        return bool(self[0] < other[0])


def _numbered(table: Any) -> list[_Pair]:
    pairs = [_Pair(pair) for pair in table.items()]
    for key, _ in pairs:
        if not isinstance(key, int) or key < 1:
            raise NotConvertible(f"Can't build a Python list from Lua table: invalid key {key!r}")
    return pairs


def to_json(value: Any) -> Any:
    """Put a result of a script in the form that JSON can carry: bytes in base64, text as text."""
    if isinstance(value, Binary):
        return base64.b64encode(value.data).decode("ascii")
    if isinstance(value, dict):
        return {_key(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, Element):
        raise NotConvertible("Lua function objects are not allowed.")
    if (kind := lua_type(value)) is not None:
        raise NotConvertible(f"Lua {kind} objects are not allowed.")
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(to_json(key))
