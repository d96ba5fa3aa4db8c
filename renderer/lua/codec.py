"""The codec of messages between the server and a script's process: plain values unchanged, all others by number.

The process runs untrusted scripts, so its messages are only data: no message names a class or a function of ours.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

import msgpack

from renderer.lua.lua_values import Binary, Element, Event, Function, HttpObject, NotConvertible, Timer
from renderer.lua.process.messages import OUT_OF_MEMORY, Kind

# Bytes of binary objects that a script may hold; they do not count as its own 100 MB of memory.
MAX_HELD = 256 * 1024 * 1024
_KINDS: dict[type, Kind] = {Binary: Kind.BINARY, Element: Kind.ELEMENT, Event: Kind.EVENT}


def _as_bytes(error: UnicodeError) -> tuple[bytes, int]:
    """Encode lone surrogates: bytes that came from Lua are restored, other surrogates keep their form."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return b"".join(_bytes_of(character) for character in part), error.end


def _bytes_of(character: str) -> bytes:
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00])
    return character.encode("utf-8", "surrogatepass")


codecs.register_error("renderer.lua", _as_bytes)


class Codec:
    """The codec of one script. It keeps the objects that the script has by number."""

    def __init__(self) -> None:
        self._objects: dict[int, Binary | Element] = {}
        self._last_number = 0
        self._held = 0  # bytes
        self._held_when_collected = 0
        self._forgotten: list[int] = []  # numbers of functions
        self._packer = msgpack.Packer(default=self._carry, unicode_errors="renderer.lua")

    def pack(self, message: list[Any]) -> bytes:
        """Return the message as bytes; raise NotConvertible for a value that Lua cannot have."""
        try:
            packed: bytes = self._packer.pack(message)
        except (ValueError, TypeError, OverflowError) as error:
            what = "depth limit is reached" if "recursion" in str(error) else str(error)
            raise NotConvertible(f"Can't convert Python object to Lua: {what}") from error
        return packed

    def unpack(self, data: bytes) -> list[Any]:
        """Return a message of the process; raise ValueError if it is not valid."""
        try:
            message = msgpack.unpackb(
                data, unicode_errors="surrogateescape", strict_map_key=False, ext_hook=self._find
            )
        except (msgpack.UnpackException, LookupError, TypeError, RecursionError) as error:
            raise ValueError(f"not a message of a script: {error!r}") from error
        if not isinstance(message, list):
            raise ValueError("not a message of a script")
        return message

    def take_forgotten(self) -> list[int]:
        """Return, once, the numbers of functions that the server does not use any more."""
        # In place: every living function has a reference to this list.
        forgotten = self._forgotten[:]
        del self._forgotten[: len(forgotten)]
        return forgotten

    def release(self, numbers: list[int]) -> None:
        """Forget the objects that the script does not use any more."""
        for number in numbers:
            released = self._objects.pop(number, None)
            if isinstance(released, Binary):
                self._held -= len(released.data)

    def wants_collection(self) -> bool:
        """Return whether the script should collect garbage: it got many bytes since the last time."""
        if self._held - self._held_when_collected < MAX_HELD // 4:
            self._held_when_collected = min(self._held, self._held_when_collected)
            return False
        self._held_when_collected = self._held
        return True

    def _carry(self, value: Any) -> Any:
        kind = _KINDS.get(type(value))
        if kind is not None:
            return msgpack.ExtType(kind, str(self._keep(value)).encode())
        if isinstance(value, Function):
            return msgpack.ExtType(Kind.FUNCTION, str(value.number).encode())
        if isinstance(value, Timer):
            return msgpack.ExtType(Kind.TIMER, str(value.number).encode())
        if isinstance(value, HttpObject):
            content = [value.kind, value.number, value.fields]
            # Not with self._packer: it is in use.
            packed = msgpack.packb(content, default=self._carry, unicode_errors="renderer.lua")
            return msgpack.ExtType(Kind.HTTP_OBJECT, packed)
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, int):
            return _as_float(value)  # beyond 64 bits
        raise NotConvertible(f"{type(value).__name__} means nothing in Lua")

    def _keep(self, value: Binary | Element) -> int:
        if isinstance(value, Binary):
            if self._held + len(value.data) > MAX_HELD:
                raise NotConvertible(OUT_OF_MEMORY)
            self._held += len(value.data)
        self._last_number += 1
        self._objects[self._last_number] = value
        return self._last_number

    def _find(self, kind: int, data: bytes) -> Any:
        if kind == Kind.BYTES:
            return data
        number = int(data)
        if kind == Kind.FUNCTION:
            return Function(number, self._forgotten.append)
        if kind == Kind.TIMER:
            return Timer(number)
        return self._objects[number]


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
