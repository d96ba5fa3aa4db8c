"""The server's side of values of scripts: all kinds except numbers, texts, lists and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from renderer.lua.process.messages import NotConvertible

__all__ = ["Binary", "Element", "Event", "Function", "HttpObject", "NotConvertible", "Timer"]


@dataclass(frozen=True)
class Binary:
    """Bytes with a content type. A script can pass them on, but cannot read them."""

    data: bytes
    content_type: str


@dataclass(frozen=True)
class Element:
    """A node of the page, by Chromium's object id."""

    object_id: str


@dataclass(frozen=True)
class Event(Element):
    """An event of the page, by Chromium's object id."""


@dataclass(frozen=True)
class Timer:
    """A timer: the result of ``call_later``."""

    number: int


@dataclass(frozen=True)
class HttpObject:
    """A request or a response: fields that scripts read, and a number by which its methods find it."""

    kind: str  # "request" or "response"
    number: int
    fields: Mapping[str, Any]


class Function:
    """A function of the script. It stays in the script's process; the server can run it, but cannot read it."""

    __slots__ = ("_forget", "number")

    def __init__(self, number: int, forget: Callable[[int], None]) -> None:
        self.number, self._forget = number, forget

    def __del__(self) -> None:
        self._forget(self.number)
