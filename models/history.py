"""Reading the history of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.change import RowChange, key_hash
from models.run import CrawlRun


def read_changes(
    session: Session,
    *,
    table: str | None = None,
    since: datetime | None = None,
    key: str | None = None,
    run_id: int | None = None,
    limit: int | None = None,
) -> Iterator[RowChange]:
    """Yield changes in the order in which they were made; with ``limit`` only the last ones.

    Args:
        since: only changes from this time on.
        key: a natural key as a person types it: ``B00042``, or its parts with ``/`` between them.
    """
    query = select(RowChange)
    if table is not None:
        query = query.where(RowChange.table_name == table)
    if since is not None:
        query = query.where(RowChange.at >= since)
    if run_id is not None:
        query = query.where(RowChange.run_id == run_id)
    if key is not None:
        spellings = _spellings(key)
        query = query.where(RowChange.row_key.in_(spellings))
        # The hash has an index within each run.
        query = query.where(RowChange.key_hash.in_([key_hash(one) for one in spellings]))
        if run_id is None:
            # Not a join: SQLite would read the whole history in the order of its ids.
            query = query.where(RowChange.run_id.in_(select(CrawlRun.id)))
    if limit is not None:
        newest = query.order_by(RowChange.id.desc()).limit(limit)
        yield from reversed(session.scalars(newest).all())
        return
    yield from session.scalars(query.order_by(RowChange.id).execution_options(yield_per=1000))


def _spellings(key: str) -> set[str]:
    """Return the JSON lists that may be stored for the key: its parts are text or numbers."""

    def text(parts: list[Any]) -> str:
        return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))

    spellings = {key} if key.startswith("[") else set()
    for parts in ([key], key.split("/")):
        spellings.add(text(list(parts)))
        spellings.add(text([int(part) if part.lstrip("-").isdigit() else part for part in parts]))
    return spellings
