"""Changes of rows: created, changed (with the old and new values), gone, returned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Row
from models.json_values import to_json_value
from models.types import Digest, ExactString, LongJson, LongText, UtcDateTime

CREATED, CHANGED, GONE, RETURNED = "created", "changed", "gone", "returned"


class RowChange(Base):
    """A change of a row in a run. ``fields`` has the changed fields: ``{"price": ["9.99", "8.99"]}``.

    The index begins with the run, so new entries are at its end. An index by row alone would write each change to
    another page of the index. ``models.history`` searches all runs for the changes of a row. There is no foreign key to
    the run: the transaction of the change has just updated the run. Delete a run's changes before the run.
    """

    __tablename__ = "row_change"
    __table_args__ = (Index("ix_row_change_row", "run_id", "key_hash"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    run_id: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    table_name: Mapped[str] = mapped_column(ExactString(64))
    key_hash: Mapped[bytes] = mapped_column(Digest(16))
    row_key: Mapped[str] = mapped_column(LongText())  # the natural key as a JSON list
    kind: Mapped[str] = mapped_column(ExactString(8))
    fields: Mapped[dict[str, list[Any]] | None] = mapped_column(LongJson())


NO_FIELDS: Mapping[str, tuple[Any, Any]] = MappingProxyType({})


class Change(NamedTuple):
    """A change that is not stored yet; ``row`` has the row's values after it."""

    model: type[Row]
    key: tuple[Any, ...]
    kind: str
    fields: Mapping[str, tuple[Any, Any]] = NO_FIELDS
    row: Mapping[str, Any] = MappingProxyType({})


def key_text(key: tuple[Any, ...]) -> str:
    """Return the natural key as a JSON list; equal keys have equal lists."""
    return f"[{','.join([_text(part) if type(part) is str else _json(to_json_value(part)) for part in key])}]"


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_text = json.encoder.encode_basestring  # the same for a str, and faster


def key_hash(text: str) -> bytes:
    """Return the hash of a natural key as ``key_text`` writes it."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def change_columns(changes: list[Change]) -> dict[str, list[Any]]:
    """Return the values of the columns of ``row_change`` for these changes, without ``run_id`` and ``at``."""
    keys = [key_text(change.key) for change in changes]
    return {
        "table_name": [change.model.__tablename__ for change in changes],
        "key_hash": [key_hash(key) for key in keys],
        "row_key": keys,
        "kind": [change.kind for change in changes],
        "fields": [_fields_as_json(change.fields) if change.fields else None for change in changes],
    }


def _fields_as_json(fields: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    return {name: [to_json_value(old), to_json_value(new)] for name, (old, new) in fields.items()}
