"""A valid row on its way from the validator to the writer, and what takes its place when it was rejected."""

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
    """What one item says of one record: column values, and its lists of children where the item has them.

    A column that the item does not mention is not in ``values``, and keeps what the database holds.
    """

    model: type[Row]
    values: Mapping[str, Any]
    children: Mapping[str, Sequence[Mapping[str, Any]]] = NO_CHILDREN
    digest: bytes | None = (
        None  # its content_hash, where it has all fields: made here, the writer has more to do
    )

    @property
    def key(self) -> tuple[Any, ...]:
        return self.model.key_getter()(self.values)

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


def content_hash(values: Sequence[Any]) -> bytes:
    """A hash of all of a row's fields, the same for equal values: from the validator, in one spelling each."""
    row = list(values)
    text = repr(row)
    if "{" in text or "[" in text[1:]:  # perhaps JSON, whose names come in any order
        text = repr([json.dumps(v, sort_keys=True) if isinstance(v, dict | list) else v for v in row])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def row_of(item: Mapping[str, Any], model: type[Row]) -> ValidRow:
    """The row in a validated item."""
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
