"""Rows that were seen but not read: their item was rejected, so they keep their values and are not gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from models import Row
from models.chunks import chunks
from pipelines.statements import key_in


def mark_seen(
    session: Session, model: type[Row], keys: Sequence[tuple[Any, ...]], *, run_id: int, now: datetime
) -> None:
    for some in chunks(sorted(set(keys), key=repr)):
        seen = {"run_id": run_id, "last_seen_at": now}
        session.execute(update(model.table()).where(key_in(session, model, some)).values(**seen))
