"""The conversion of values between a script's Lua and messages. No script ever gets a Python object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
from lupa.lua52 import lua_type

from renderer.lua.process.messages import KEPT, Kind, NotConvertible

MAX_DEPTH = 100
MAX_HOLES = 10
# Limits of the arguments of one command: the server reads them while other renders wait.
MAX_VALUES = 250_000
MAX_ARGUMENTS = 32 * 1024 * 1024  # bytes

_KINDS = {name: kind for kind, name in KEPT.items()}


class Converter:
    """Converts values. It knows the numbers of the script's functions and of the server's objects."""

    def __init__(self, lua: Any, host: Any) -> None:
        self._table = lua.table_from
        self._array = host[b"array"]
        self._kind = host[b"kind"]
        self._make = {kind: host[name] for kind, name in KEPT.items()} | {Kind.TIMER: host[b"timer"]}
        self._make_http_object = host[b"http_object"]
        self._functions: dict[int, Any] = {}
        self._last_function = 0
        self._packer = msgpack.Packer(use_bin_type=False)

    # -- messages

    def pack(self, reply: list[Any]) -> bytes:
        """Return a reply as a message; bytes of Lua become text."""
        try:
            packed: bytes = self._packer.pack(reply)
        except (ValueError, OverflowError) as error:
            raise NotConvertible(f"Can't convert Lua object to Python: {error}") from error
        return packed

    def unpack(self, data: bytes) -> list[Any]:
        """Return a request; its objects are already objects of Lua."""
        request: list[Any] = msgpack.unpackb(data, raw=True, strict_map_key=False, ext_hook=self._restore)
        return request

    def _restore(self, kind: int, data: bytes) -> Any:
        if kind == Kind.HTTP_OBJECT:
            name, number, fields = self.unpack(data)
            return self._make_http_object(name, number, self.to_lua(fields))
        if kind == Kind.FUNCTION:
            return self._functions[int(data)]
        return self._make[Kind(kind)](int(data))

    # -- the functions of the script, by number

    def function(self, number: int) -> Any:
        """Return the Lua function with this number."""
        return self._functions[number]

    def forget(self, numbers: list[int]) -> None:
        """Forget the functions that the server does not use any more."""
        for number in numbers:
            self._functions.pop(number, None)

    # -- from the server to Lua

    def to_lua(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        """Return a value of a message or of JSON as a Lua value; raise NotConvertible if it is too deep."""
        if depth <= 0:
            raise NotConvertible("Can't convert Python object to Lua: depth limit is reached")
        if isinstance(value, dict):
            return self._table(
                {self.to_lua(key): self.to_lua(item, depth - 1) for key, item in value.items()}
            )
        if isinstance(value, list | tuple):
            return self._array(self._table([self.to_lua(item, depth - 1) for item in value]))
        if isinstance(value, str):
            return value.encode("utf-8", "surrogatepass")
        if type(value) is int and abs(value) > 2**53:
            return _as_float(value)
        return value

    # -- from Lua to the server

    def to_arguments(self, values: list[Any]) -> list[Any]:
        """Return a command's arguments for a message, with numbers in place of functions."""
        convert = _ToMessage(self._kind, self._number)
        return [convert(value) for value in values]

    def to_values(self, values: list[Any]) -> list[Any]:
        """Return a function's results for a message; functions are not allowed."""
        convert = _ToMessage(self._kind, None)
        return [convert(value) for value in values]

    def to_json(self, value: Any, placeholder: Callable[[int], str]) -> Any:
        """Return a value for JSON, with ``placeholder(number)`` in place of each binary object."""
        return _ToJson(self._kind, placeholder)(value)

    def binary(self, value: Any) -> int | None:
        """Return the number of a binary object, or None for other values."""
        what, number = _kind_and_number(self._kind, value)
        return number if what == b"binary" else None

    def is_container(self, value: Any) -> bool:
        """Return whether the value is a plain table or an array of the script."""
        return lua_type(value) == "table" and _kind_and_number(self._kind, value)[0] in (None, b"array")

    @staticmethod
    def parts(parts: list[Any]) -> list[Any]:
        """Return bytes, and numbers of binary objects, for a message."""
        return [
            msgpack.ExtType(Kind.BYTES, part)
            if isinstance(part, bytes)
            else msgpack.ExtType(Kind.BINARY, b"%d" % part)
            for part in parts
        ]

    def _number(self, function: Any) -> Any:
        self._last_function += 1
        self._functions[self._last_function] = function
        return msgpack.ExtType(Kind.FUNCTION, b"%d" % self._last_function)


class _Conversion:
    """Converts a Lua value to a Python value; the subclasses convert texts, keys, functions and objects."""

    def __init__(self, kind: Callable[[Any], Any]) -> None:
        self._kind = kind

    def __call__(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        if depth <= 0:
            raise NotConvertible("Can't convert Lua object to Python: depth limit is reached")
        if isinstance(value, bytes):
            return self.text(value)
        kind = lua_type(value)
        if kind is None:
            return self.plain(value)
        if kind == "function":
            return self.function(value)
        if kind != "table":
            raise NotConvertible(f"Lua {kind} objects are not allowed.")
        what, number = _kind_and_number(self._kind, value)
        if what == b"array":
            return self._list(value, depth)
        if what is None:
            return {self.key(key): self(item, depth - 1) for key, item in value.items()}
        return self.object(what, number)

    def _list(self, table: Any, depth: int) -> list[Any]:
        pairs = list(table.items())
        for key, _ in pairs:
            if not isinstance(key, int) or key < 1:
                raise NotConvertible(f"Can't build a Python list from Lua table: invalid key {key!r}")
        pairs.sort(key=_first)
        result: list[Any] = []
        for key, item in pairs:
            holes = key - len(result) - 1
            if holes > MAX_HOLES:
                raise NotConvertible("Lua table is too sparse. Try not to use nil values.")
            result.extend([None] * holes)
            result.append(self(item, depth - 1))
        return result

    def text(self, value: bytes) -> Any:
        return value

    def plain(self, value: Any) -> Any:
        return value

    def key(self, key: Any) -> Any:
        if lua_type(key) not in (None, "function"):
            raise NotConvertible("Lua tables are not allowed as keys of tables.")
        return self(key)

    def function(self, value: Any) -> Any:
        raise NotConvertible("Lua function objects are not allowed.")

    def object(self, what: bytes, number: int) -> Any:
        raise NotConvertible("Lua function objects are not allowed.")


class _ToMessage(_Conversion):
    """Converts values for messages, within limits."""

    def __init__(self, kind: Callable[[Any], Any], function: Callable[[Any], Any] | None) -> None:
        super().__init__(kind)
        self._function = function
        self._values, self._bytes = 0, 0

    def __call__(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise NotConvertible(f"a command takes at most {MAX_VALUES} values")
        return super().__call__(value, depth)

    def text(self, value: bytes) -> Any:
        self._bytes += len(value)
        if self._bytes > MAX_ARGUMENTS:
            raise NotConvertible(f"a command takes at most {MAX_ARGUMENTS} bytes")
        return value

    def key(self, key: Any) -> Any:
        if lua_type(key) == "function":
            raise NotConvertible("Lua function objects are not allowed.")
        return super().key(key)

    def function(self, value: Any) -> Any:
        return super().function(value) if self._function is None else self._function(value)

    def object(self, what: bytes, number: int) -> Any:
        if what == b"timer":
            return msgpack.ExtType(Kind.TIMER, b"%d" % number)
        if what not in _KINDS:
            return super().object(what, number)
        return msgpack.ExtType(_KINDS[what], b"%d" % number)


class _ToJson(_Conversion):
    """Converts values for JSON."""

    def __init__(self, kind: Callable[[Any], Any], placeholder: Callable[[int], str]) -> None:
        super().__init__(kind)
        self._placeholder = placeholder

    def text(self, value: bytes) -> Any:
        return value.decode("utf-8", "replace")

    def key(self, key: Any) -> Any:
        if isinstance(key, bool):
            return "true" if key else "false"
        return str(super().key(key))

    def object(self, what: bytes, number: int) -> Any:
        return self._placeholder(number) if what == b"binary" else super().object(what, number)


def _kind_and_number(kind: Callable[[Any], Any], value: Any) -> tuple[Any, Any]:
    """Return the kind and the number of an object, each None if the value has none."""
    answer = kind(value) if lua_type(value) == "table" else None
    return answer if isinstance(answer, tuple) else (answer, None)


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
