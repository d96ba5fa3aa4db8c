"""The last samples of several runs, for their speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.run_sample import RunSample

SAMPLES = 15  # of a run

_samples: Any = RunSample.__table__


def last_samples(session: Session, run_ids: Sequence[int]) -> dict[int, list[RunSample]]:
    """Return the last samples of runs, the oldest first."""
    if not run_ids:
        return {}
    newest = (
        func.row_number()
        .over(partition_by=_samples.c.run_id, order_by=_samples.c.number.desc())
        .label("newest")
    )
    ranked = (
        select(_samples.c.run_id, _samples.c.number, newest)
        .where(_samples.c.run_id.in_(list(run_ids)))
        .subquery()
    )
    query = (
        select(RunSample)
        .join(ranked, (ranked.c.run_id == RunSample.run_id) & (ranked.c.number == RunSample.number))
        .where(ranked.c.newest <= SAMPLES)
        .order_by(RunSample.run_id, RunSample.number)
    )
    found: dict[int, list[RunSample]] = {}
    for sample in session.scalars(query):
        found.setdefault(sample.run_id, []).append(sample)
    return found
