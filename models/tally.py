"""What a run did, counted in the database: over all processes that worked on it, whatever became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import Base, Row
from models.change import RowChange
from models.rejected import RejectedItem
from models.request import CrawlRequest
from models.run import CrawlRun

GOOD_RUNS = 3  # that a run is compared with


@dataclass(frozen=True, kw_only=True)
class Tally:
    """``pages`` by state; ``rows`` that the run saw and items that it ``rejected``, by table; ``changes`` by table
    and kind ("book/created"); ``coverage``: by table and field, the share of the rows seen that have a value.
    """

    pages: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)
    coverage: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Tally:
        return cls(**{name: value.get(name, {}) for name in cls.__dataclass_fields__})


def tally(session: Session, run_id: int) -> Tally:
    """Count a run's pages, rows, rejected items and changes."""
    rows: dict[str, int] = {}
    coverage: dict[str, dict[str, float]] = {}
    for model in row_models():
        table = model.table()
        optional = [name for name in model.fields() if table.c[name].nullable]
        counted = session.execute(
            select(func.count(), *(func.count(table.c[name]) for name in optional)).where(
                table.c.run_id == run_id
            )
        ).one()
        if counted[0]:
            rows[table.name] = counted[0]
            coverage[table.name] = {
                name: round(number / counted[0], 4)
                for name, number in zip(optional, counted[1:], strict=True)
            }

    def by(column: Any, *where: Any) -> dict[str, int]:
        found = session.execute(select(column, func.count()).where(*where).group_by(column))
        return {str(name): number for name, number in found}

    changed = session.execute(
        select(RowChange.table_name, RowChange.kind, func.count())
        .where(RowChange.run_id == run_id)
        .group_by(RowChange.table_name, RowChange.kind)
    )
    return Tally(
        pages=by(CrawlRequest.state, CrawlRequest.run_id == run_id),
        rows=rows,
        rejected=by(
            RejectedItem.table_name, RejectedItem.run_id == run_id, RejectedItem.replayed_at.is_(None)
        ),
        changes={f"{table}/{kind}": number for table, kind, number in changed},
        coverage=coverage,
    )


def good_tallies(session: Session, scope: bytes, before: int) -> list[Tally]:
    """The tallies of the last good runs of a scope, before the run with this id."""
    found = session.scalars(
        select(CrawlRun.counts)
        .where(CrawlRun.scope == scope, CrawlRun.verdict == 0, CrawlRun.id < before)
        .order_by(CrawlRun.id.desc())
        .limit(GOOD_RUNS)
    )
    return [Tally.from_json(counts) for counts in found if counts]


def row_models() -> list[type[Row]]:
    """All models of rows, in the order of their tables' names."""
    return sorted(
        (
            mapper.class_
            for mapper in Base.registry.mappers
            if issubclass(mapper.class_, Row) and mapper.class_.__tablename__ in Base.metadata.tables
        ),
        key=lambda model: model.__tablename__,
    )
