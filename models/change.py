"""What happened to rows: created, changed (which fields, old and new), gone, returned."""

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
from models.plain import plain
from models.types import Digest, ExactString, LongJson, LongText, UtcDateTime

CREATED, CHANGED, GONE, RETURNED = "created", "changed", "gone", "returned"


class RowChange(Base):
    """One change of one row in one run. ``fields`` has ``{"price": ["9.99", "8.99"]}`` where fields changed.

    The index begins with the run, so that it grows at its end: by row alone, a history of some size has each change on
    another of its pages. ``models.history`` goes through the runs to find a row's. There is no foreign key to the run,
    which the transaction that writes a change has just changed itself; who deletes a run deletes its changes first.
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
    """A change on its way into the table; ``row`` are the row's values after it."""

    model: type[Row]
    key: tuple[Any, ...]
    kind: str
    fields: Mapping[str, tuple[Any, Any]] = NO_FIELDS
    row: Mapping[str, Any] = MappingProxyType({})


def key_text(key: tuple[Any, ...]) -> str:
    """A natural key as a JSON list, the same for equal keys."""
    return f"[{','.join([_text(part) if type(part) is str else _json(plain(part)) for part in key])}]"


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_text = json.encoder.encode_basestring  # what the line above does with a str, after many questions


def key_hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def change_columns(changes: list[Change]) -> dict[str, list[Any]]:
    """The columns of ``row_change`` for these changes, but for ``run_id`` and ``at``."""
    keys = [key_text(change.key) for change in changes]
    return {
        "table_name": [change.model.__tablename__ for change in changes],
        "key_hash": [key_hash(key) for key in keys],
        "row_key": keys,
        "kind": [change.kind for change in changes],
        "fields": [_plain_fields(change.fields) if change.fields else None for change in changes],
    }


def _plain_fields(fields: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    return {name: [plain(old), plain(new)] for name, (old, new) in fields.items()}
