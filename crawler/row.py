"""A valid row on its way from the validator to the writer, and what takes its place when it was rejected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from models import Row


class ValidRow(NamedTuple):
    """What one item says of one record: column values, and its lists of children where the item has them.

    A column that the item does not mention is not in ``values``, and keeps what the database holds.
    """

    model: type[Row]
    values: Mapping[str, Any]
    children: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({})
    digest: bytes | None = (
        None  # its content_hash, where it has all fields: made here, the writer has more to do
    )

    @property
    def key(self) -> tuple[Any, ...]:
        values = self.values
        return tuple([values[name] for name in self.model.key()])

    def __str__(self) -> str:
        key = ", ".join(f"{name}={value!r}" for name, value in zip(self.model.key(), self.key, strict=True))
        return f"{self.model.__name__}({key})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """An item that is not stored, and why: reasons by field, "" for the whole item.

    ``key`` is the natural key where the item has one that can be read: the row is still on the site.
    """

    model: type[Row]
    item: Mapping[str, Any]
    reasons: Mapping[str, str]
    key: tuple[Any, ...] | None = None


def content_hash(values: Mapping[str, Any], fields: Iterable[str]) -> bytes:
    """A hash of a row's fields, the same for equal values: they come from the validator, in one spelling each."""
    row = list(map(values.__getitem__, fields))
    text = repr(row)
    if "{" in text or "[" in text[1:]:  # perhaps JSON, whose names come in any order
        text = repr([json.dumps(v, sort_keys=True) if isinstance(v, dict | list) else v for v in row])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def row_of(item: Mapping[str, Any], model: type[Row]) -> ValidRow:
    """The row in a validated item."""
    fields, lists = model.fields(), model.children()
    if type(item) is dict and item.keys() == fields.keys():  # as most are, and by far the quicker copy
        return ValidRow(model, item.copy(), digest=content_hash(item, fields))
    return ValidRow(
        model,
        {name: item[name] for name in fields if name in item},
        {name: item[name] for name in lists if name in item},
    )
