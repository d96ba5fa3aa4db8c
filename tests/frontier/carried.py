"""Classes of what requests of the tests carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum, StrEnum, auto
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import scrapy

T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Shape(Enum):
    ROUND = ("a", "tuple")
    ALIAS = ("a", "tuple")


class Marks(Flag):
    NEW = auto()
    SALE = auto()


class Point(NamedTuple):
    x: Any
    y: Any = 0


class BookItem(scrapy.Item):
    title = scrapy.Field()
    price = scrapy.Field()


class StrictItem(BookItem):
    def __init__(self, title: str) -> None:
        super().__init__(title=title)


@dataclass
class Offer(Generic[T]):
    price: T
    tags: list[Any] = field(default_factory=list)
    made: list[str] = field(default_factory=list, init=False, compare=False)

    def __post_init__(self) -> None:
        self.made.append("by its constructor")


@dataclass(frozen=True, slots=True)
class Slotted:
    a: Any
    b: Any = None


@attrs.frozen
class Attrs:
    a: Any
    _hidden: Any = None


class Outer:
    @dataclass
    class Inner:
        value: Any


@dataclass
class Listed(list[int]):
    """Its state is not its attributes alone."""

    name: str = ""


class Mapped(dict[str, Any]):
    """A dict with more to it."""


class OwnMapping(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        return 1

    def __iter__(self) -> Any:
        return iter(("a",))

    def __len__(self) -> int:
        return 1
