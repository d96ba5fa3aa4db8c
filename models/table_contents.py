"""What a table holds, as plain values: for showing, for comparing with a truth, for seeing what a crawl changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.base import Row
from models.plain import plain
from models.run import CrawlRun

Snapshot = Mapping[tuple[Any, ...], Mapping[str, Any]]


def snapshot(
    engine: Engine, model: type[Row], *, run_id: int | None = None
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows by natural key, as plain values; only those that ``run_id`` saw, where it is given."""
    columns = [model.table().c[name] for name in model.fields()]
    query = select(*columns)
    if run_id is not None:
        query = query.where(model.table().c.run_id == run_id)
    with engine.connect() as connection:
        rows = [
            {name: plain(value) for name, value in row.items()}
            for row in connection.execute(query).mappings()
        ]
    return {tuple(row[name] for name in model.key()): row for row in rows}


def last_run(engine: Engine, spider: str) -> CrawlRun | None:
    """The spider's latest run, finished or not."""
    with Session(engine, expire_on_commit=False) as session:
        newest = select(func.max(CrawlRun.id)).where(CrawlRun.spider == spider).scalar_subquery()
        return session.scalar(select(CrawlRun).where(CrawlRun.id == newest))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is new in the later of two snapshots, what is no longer there, and which fields are others."""

    created: list[tuple[Any, ...]]
    missing: list[tuple[Any, ...]]
    changed: dict[tuple[Any, ...], dict[str, tuple[Any, Any]]]  # key -> field -> (before, after)

    def __bool__(self) -> bool:
        return bool(self.created or self.missing or self.changed)


def difference(before: Snapshot, after: Snapshot) -> Difference:
    changed = {}
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        fields = {name: (old.get(name), new.get(name)) for name in new if old.get(name) != new.get(name)}
        if fields:
            changed[key] = fields
    return Difference(
        created=sorted(after.keys() - before.keys()),
        missing=sorted(before.keys() - after.keys()),
        changed=dict(sorted(changed.items())),
    )
