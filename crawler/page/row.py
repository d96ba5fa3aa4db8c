"""A valid row, or a rejected item, on its way from the validator to the writer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from models import Row

NO_CHILDREN: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({})


class ValidRow(NamedTuple):
    """The values of one item: columns, and lists of child rows if the item has them.

    A column that the item does not have is not in ``values``. The database keeps its value.
    """

    model: type[Row]
    values: Mapping[str, Any]
    children: Mapping[str, Sequence[Mapping[str, Any]]] = NO_CHILDREN
    digest: bytes | None = (
        None  # its content_hash, if it has all fields; made before the writer, which has more to do
    )

    @property
    def key(self) -> tuple[Any, ...]:
        return self.model.key_getter()(self.values)

    @property
    def repeated_children(self) -> int:
        """How many child rows have the key of another one in the same list."""
        repeated = 0
        for name, items in self.children.items():
            key_of = self.model.children()[name].model.key_getter()
            repeated += len(items) - len({key_of(item) for item in items})
        return repeated

    def __str__(self) -> str:
        key = ", ".join(f"{name}={value!r}" for name, value in zip(self.model.key(), self.key, strict=True))
        return f"{self.model.__name__}({key})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """An item that is not stored, and why: reasons by field, "" for the whole item.

    ``key`` is the natural key, if it can be read: the row is still on the site. ``validated`` says that ``item`` has
    the values of a row, as ``models.json_values`` writes them. ``waits_for`` is the digest of the parent row, which may
    still come.
    """

    model: type[Row]
    item: Mapping[str, Any]
    reasons: Mapping[str, str]
    key: tuple[Any, ...] | None = None
    validated: bool = False
    waits_for: bytes | None = None


def content_hash(values: Sequence[Any]) -> bytes:
    """Return a hash of all fields of a row. Equal values of the validator have equal hashes."""
    row = list(values)
    text = repr(row)
    if "{" in text or "[" in text[1:]:  # perhaps JSON, whose names come in any order
        text = repr([_in_order(v) if isinstance(v, dict | list) else v for v in row])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _in_order(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def row_of(item: Mapping[str, Any], model: type[Row]) -> ValidRow:
    """Return the row of a validated item."""
    fields = model.fields()
    if type(item) is dict and len(item) == len(fields):  # as most are, and by far the quicker copy
        try:
            return ValidRow(model, item.copy(), NO_CHILDREN, content_hash(model.values_getter()(item)))
        except KeyError:
            pass  # as many fields, and others
    return ValidRow(
        model,
        {name: item[name] for name in fields if name in item},
        {name: item[name] for name in model.children() if name in item},
    )
