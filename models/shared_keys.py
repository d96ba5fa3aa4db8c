"""Rows that got different values from several pages of a run: perhaps several records with the same natural key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.change import CHANGED, RowChange
from models.chunks import chunks
from models.run_condition import in_run

MOST_ROWS = 10_000  # that are looked at; a run with more has told enough


@dataclass(frozen=True, kw_only=True)
class SharedKeys:
    """The rows of a table that got different values in a run.

    Attributes:
        rows: how many.
        key: the natural key of the first of them as a JSON list.
        fields: in which its records differ.
    """

    table: str
    rows: int
    key: str
    fields: tuple[str, ...]


def shared_keys(session: Session, run_id: int) -> list[SharedKeys]:
    """Return the tables with rows that a run has changed after it had created or changed them, from its history.

    A value that was missing before is no such change: the page of a list may have a part of a row, and the page of the
    record the rest.
    """
    of_run = in_run(RowChange.run_id, run_id)
    # The index has no table, and keys of two tables may be equal.
    twice = select(RowChange.key_hash).where(of_run).group_by(RowChange.key_hash).having(func.count() > 1)
    hashes = session.scalars(twice.limit(MOST_ROWS)).all()
    seen: set[tuple[str, bytes]] = set()
    found: dict[str, dict[bytes, tuple[str, tuple[str, ...]]]] = {}
    for some in chunks(sorted(hashes)):
        columns = (
            RowChange.table_name,
            RowChange.key_hash,
            RowChange.row_key,
            RowChange.kind,
            RowChange.fields,
        )
        query = select(*columns).where(of_run, RowChange.key_hash.in_(some)).order_by(RowChange.id)
        for table, digest, key, kind, fields in session.execute(query):
            differing = _differing(fields) if kind == CHANGED and (table, digest) in seen else ()
            seen.add((table, digest))
            if differing:
                found.setdefault(table, {}).setdefault(digest, (key, differing))
    return [_of_table(table, list(rows.values())) for table, rows in sorted(found.items())]


def _differing(fields: dict[str, list[object]] | None) -> tuple[str, ...]:
    """Return the fields that had another value before, and not none."""
    return tuple(name for name, (old, _) in (fields or {}).items() if old is not None)


def _of_table(table: str, rows: Sequence[tuple[str, tuple[str, ...]]]) -> SharedKeys:
    key, fields = rows[0]
    return SharedKeys(table=table, rows=len(rows), key=key, fields=fields)
