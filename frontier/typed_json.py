"""Values as JSON with their types, and back: a value of a request comes back unchanged, or is refused.

A value that JSON does not have becomes an object
``{"__type__": "decimal", "value": "1.50"}``; a dict that has such a key itself is
``{"__type__": "dict", "value": {...}}``. Classes are named by module and qualified name, and found among those that are
imported already. Nothing is imported for a name that stands in the database, and no constructor is called.
"""

from __future__ import annotations

import base64
import dataclasses
import sys
import types
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from inspect import getattr_static
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from scrapy import Item

from models.base import ModelItem, Row

TAG = "__type__"
MAX_DEPTH = 50
MOST_BITS = 14_000  # of a whole number; Python reads and writes no longer ones as text


class NotJson(TypeError):
    """A value cannot be stored, or cannot be read again; the message names it and says what to do."""


class Encoder:
    """Makes JSON values. ``tagged`` says whether one of them so far needs :func:`decode_value`."""

    def __init__(self) -> None:
        self.tagged = False

    def encode(self, value: Any, path: str, depth: int = 0) -> Any:
        """Return the value as a JSON value.

        Args:
            path: how an error names the value: ``meta['page']``.
        Raises:
            NotJson: a part of it is of a type that could not be made again.
        """
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is int:
            if value.bit_length() > MOST_BITS:
                raise NotJson(f"{path} is a number of too many digits; pass it as hex(...)")
            return value
        if kind is float:
            if value != value or value in (float("inf"), float("-inf")):
                raise NotJson(f"{path} is {value}, which JSON does not have")
            return value
        if depth > MAX_DEPTH:
            raise NotJson(f"{path} is nested too deeply, or holds itself")
        if kind is dict:
            encoded = self._dict(value, path, depth)
            return self._tag("dict", value=encoded) if TAG in value else encoded
        if kind is list:
            return self._list(value, path, depth)
        if kind in SCALARS:
            name, write, _ = SCALARS[kind]
            return self._tag(name, value=write(value))
        if kind in COLLECTIONS:
            return self._tag(COLLECTIONS[kind], value=self._list(value, path, depth))
        if kind is datetime or kind is time:
            return self._moment(value, path)
        return self._other(value, kind, path, depth)

    def _other(self, value: Any, kind: type, path: str, depth: int) -> Any:
        if isinstance(value, Enum):
            if isinstance(value, Flag):
                return self._tag("flag", **self._class(kind, path), value=value.value)
            return self._tag("enum", **self._class(kind, path), value=value.name)
        if kind is ModelItem:
            model = getattr(value, "model", None)
            if not isinstance(model, type):
                raise NotJson(f"{path} is an item without a model; make it with Model.item(...)")
            return self._tag("model item", **self._class(model, path), value=self._dict(value, path, depth))
        if isinstance(value, Item):
            return self._tag("item", **self._class(kind, path), value=self._dict(value, path, depth))
        if isinstance(value, type) and issubclass(value, Row):
            return self._tag("model", **self._class(value, path))
        if kind is OrderedDict or kind is Counter:
            name = "ordered dict" if kind is OrderedDict else "counter"
            return self._tag(name, value=self._dict(value, path, depth))
        if kind is defaultdict and value.default_factory in FACTORIES:
            factory = FACTORIES[value.default_factory]
            return self._tag("default dict", factory=factory, value=self._dict(value, path, depth))
        if _is_named_tuple(kind):
            return self._tag("named tuple", **self._class(kind, path), value=self._list(value, path, depth))
        if _has_state(kind) and not isinstance(value, Row):
            return self._tag(
                "object", **self._class(kind, path), value=self._dict(_state_of(value), path, depth)
            )
        for base, plain in PLAIN_BASES.items():
            if isinstance(value, base):  # text and numbers with a class of their own are equal to plain ones
                return self.encode(plain(value), path, depth)
        raise NotJson(f"{path} is {_named(kind)}, which cannot be stored as JSON: {_advice(value)}")

    def _tag(self, name: str, **fields: Any) -> dict[str, Any]:
        self.tagged = True
        return {TAG: name, **fields}

    def _dict(self, value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
        for name in value:
            if type(name) is not str:
                raise NotJson(f"{path} has the key {name!r}, and JSON has only text keys")
        return {name: self.encode(part, f"{path}[{name!r}]", depth + 1) for name, part in value.items()}

    def _list(self, value: Any, path: str, depth: int) -> list[Any]:
        return [self.encode(part, f"{path}[{position}]", depth + 1) for position, part in enumerate(value)]

    def _moment(self, value: datetime | time, path: str) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key is not None:
            fields["zone"] = value.tzinfo.key
            value = value.replace(tzinfo=None)
        elif value.tzinfo is not None and type(value.tzinfo) is not timezone:
            raise NotJson(
                f"{path} has a time zone of {_named(type(value.tzinfo))}, which could not be made again: use "
                "zoneinfo.ZoneInfo, or .astimezone(datetime.UTC)"
            )
        if value.fold:
            fields["fold"] = 1
        return self._tag(type(value).__name__, value=value.isoformat(), **fields)

    def _class(self, kind: type, path: str) -> dict[str, str]:
        name = f"{kind.__module__}:{kind.__qualname__}"
        if _class_named(name) is not kind:
            raise NotJson(
                f"{path} is {_named(kind)}, which is not found by that name: define the class at the top of a module"
            )
        return {"class": name}


def decode_value(value: Any) -> Any:
    """Return the value that an :class:`Encoder` encoded.

    Raises:
        NotJson: its class is not there any more, or is of another kind.
    """
    if isinstance(value, list):
        return [decode_value(part) for part in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {name: decode_value(part) for name, part in value.items()}
    read = READERS.get(value[TAG])
    if read is None:
        raise NotJson(f"there is no type {value[TAG]!r}: a newer version has stored it")
    try:
        return read(value)
    except (KeyError, ValueError, ArithmeticError, TypeError, AttributeError) as error:
        if isinstance(error, NotJson):
            raise
        raise NotJson(f"a value of type {value[TAG]!r} cannot be made again: {error}") from None


# --- The types ------------------------------------------------------------------------------------------------------

SCALARS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    Decimal: ("decimal", str, Decimal),
    date: ("date", date.isoformat, date.fromisoformat),
    timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds], lambda v: timedelta(*v)),
    UUID: ("uuid", str, UUID),
    bytes: ("bytes", lambda v: base64.b64encode(v).decode(), lambda v: base64.b64decode(v)),
    bytearray: (
        "bytearray",
        lambda v: base64.b64encode(v).decode(),
        lambda v: bytearray(base64.b64decode(v)),
    ),
}
COLLECTIONS: dict[type, str] = {tuple: "tuple", set: "set", frozenset: "frozenset"}
FACTORIES: dict[Any, str] = {
    None: "",
    **{kind: kind.__name__ for kind in (list, dict, set, tuple, int, float, str, bool)},
}
PLAIN_BASES: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__index__,
    float: float.__float__,
}


def _fields_of(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: decode_value(part) for name, part in value["value"].items()}


def _parts_of(value: Mapping[str, Any]) -> list[Any]:
    return [decode_value(part) for part in value["value"]]


def _scalar_of(read: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda value: read(value["value"])


def _collection_of(kind: type) -> Callable[[Mapping[str, Any]], Any]:
    return lambda value: kind(_parts_of(value))


def _moment_of(kind: Any) -> Callable[[Mapping[str, Any]], Any]:
    def read(value: Mapping[str, Any]) -> Any:
        moment = kind.fromisoformat(value["value"]).replace(fold=value.get("fold", 0))
        return moment.replace(tzinfo=ZoneInfo(value["zone"])) if "zone" in value else moment

    return read


def _enum_of(value: Mapping[str, Any]) -> Any:
    kind = _known(value, lambda kind: issubclass(kind, Enum))
    return kind(value["value"]) if value[TAG] == "flag" else kind.__members__[value["value"]]


def _model_item_of(value: Mapping[str, Any]) -> ModelItem:
    item = ModelItem(_fields_of(value))
    item.model = _known(value, lambda kind: issubclass(kind, Row))
    return item


def _item_of(value: Mapping[str, Any]) -> Item:
    kind = _known(value, lambda kind: issubclass(kind, Item))
    item: Item = kind.__new__(kind)
    Item.__init__(item)
    for name, part in _fields_of(value).items():
        Item.__setitem__(item, name, part)
    return item


def _named_tuple_of(value: Mapping[str, Any]) -> Any:
    kind = _known(value, _is_named_tuple)
    parts = _parts_of(value)
    if len(parts) != len(kind._fields):
        raise NotJson(f"{_named(kind)} has other fields than it had; begin with --fresh")
    return tuple.__new__(kind, parts)


def _object_of(value: Mapping[str, Any]) -> Any:
    kind = _known(value, _has_state)
    made = object.__new__(kind)
    for name, part in _fields_of(value).items():
        slot = getattr_static(kind, name, None)
        if isinstance(slot, types.MemberDescriptorType):
            slot.__set__(made, part)
        else:
            vars(made)[name] = part
    return made


READERS: dict[Any, Callable[[Mapping[str, Any]], Any]] = {
    "dict": _fields_of,
    "ordered dict": lambda value: OrderedDict(_fields_of(value)),
    "counter": lambda value: Counter(_fields_of(value)),
    "default dict": lambda value: defaultdict(
        next(factory for factory, name in FACTORIES.items() if name == value["factory"]), _fields_of(value)
    ),
    "datetime": _moment_of(datetime),
    "time": _moment_of(time),
    "enum": _enum_of,
    "flag": _enum_of,
    "model": lambda value: _known(value, lambda kind: issubclass(kind, Row)),
    "model item": _model_item_of,
    "item": _item_of,
    "named tuple": _named_tuple_of,
    "object": _object_of,
    **{name: _collection_of(kind) for kind, name in COLLECTIONS.items()},
    **{name: _scalar_of(read) for name, _, read in SCALARS.values()},
}


# --- Classes --------------------------------------------------------------------------------------------------------


def _known(value: Mapping[str, Any], fits: Callable[[type], bool]) -> Any:
    """Return the class that a stored value names. Raise NotJson if it is not imported or of another kind."""
    kind = _class_named(value["class"])
    if kind is None or not fits(kind):
        raise NotJson(
            f"there is no class {value['class']} any more that would be a {value[TAG]}; begin with --fresh"
        )
    return kind


def _class_named(name: str) -> type | None:
    """Return the class ``module:qualname`` if its module is imported, else None. No code of it runs."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found if isinstance(found, type) else None


def class_named(module_and_name: str) -> type | None:
    """Return the class ``module.qualname``; the longest imported name is the module."""
    parts = module_and_name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:end])
        if module in sys.modules:
            return _class_named(f"{module}:{'.'.join(parts[end:])}")
    return None


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: the class was made by a class statement


def _has_state(kind: type) -> bool:
    """Return whether attributes are the whole state: dataclasses and attrs classes without a built-in base."""
    if not (dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__")):
        return False
    return all(base is object or base.__flags__ & HEAP_TYPE for base in kind.__mro__)


def _state_of(value: Any) -> dict[str, Any]:
    state: dict[str, Any] = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        for name, slot in vars(base).items():
            if isinstance(slot, types.MemberDescriptorType) and hasattr(value, name):
                state.setdefault(name, getattr(value, name))
    return state


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _advice(value: Any) -> str:
    if isinstance(value, Row):
        return f"pass {type(value).__name__}.item(...), which is a row that is still to be stored"
    if isinstance(value, Mapping):
        return "pass dict(...) of it"
    if hasattr(value, "model_dump"):
        return "pass its model_dump(), and make it again in the callback"
    return (
        "pass plain values (text, numbers, dates, lists, dicts, items, dataclasses), for instance the id or the URL "
        "that it can be made from again"
    )
