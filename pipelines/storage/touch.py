"""Marking rows as seen whose item was rejected: they keep their values, and are not gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Row
from models.chunks import chunks
from pipelines.storage.statements import key_in


def mark_seen(
    session: Session, model: type[Row], keys: Sequence[tuple[Any, ...]], *, run_id: int, now: datetime
) -> set[tuple[Any, ...]]:
    """Mark the rows with these keys as seen; return the keys that have a row."""
    found: set[tuple[Any, ...]] = set()
    table = model.bookkeeping_table()
    columns = [table.c[name] for name in model.key()]
    for some in chunks(sorted(set(keys), key=repr)):
        found |= {tuple(key) for key in session.execute(select(*columns).where(key_in(session, model, some)))}
        seen = {"run_id": run_id, "last_seen_at": now}
        session.execute(update(table).where(key_in(session, model, some)).values(**seen))
    return found
