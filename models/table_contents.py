"""The contents of a table as JSON values, and the difference between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.base import Row
from models.json_values import to_json_value
from models.run import CrawlRun

TableContents = Mapping[tuple[Any, ...], Mapping[str, Any]]


def table_contents(
    engine: Engine, model: type[Row], *, run_id: int | None = None
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the rows by natural key, with JSON values; with ``run_id`` only the rows that this run saw last."""
    columns = [model.value_columns()[name].label(name) for name in model.fields()]
    query = select(*columns).select_from(model.rows_from())
    if run_id is not None:
        query = query.where(model.bookkeeping_table().c.run_id == run_id)
    with engine.connect() as connection:
        rows = [
            {name: to_json_value(value) for name, value in row.items()}
            for row in connection.execute(query).mappings()
        ]
    return {tuple(row[name] for name in model.key()): row for row in rows}


def last_run(engine: Engine, spider: str) -> CrawlRun | None:
    """Return the spider's latest run, finished or not; None if it has none."""
    with Session(engine, expire_on_commit=False) as session:
        newest = select(func.max(CrawlRun.id)).where(CrawlRun.spider == spider).scalar_subquery()
        return session.scalar(select(CrawlRun).where(CrawlRun.id == newest))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The rows that only the later contents have, those that only the earlier have, and the changed fields."""

    created: list[tuple[Any, ...]]
    missing: list[tuple[Any, ...]]
    changed: dict[tuple[Any, ...], dict[str, tuple[Any, Any]]]  # key -> field -> (before, after)

    def __bool__(self) -> bool:
        return bool(self.created or self.missing or self.changed)


def difference(before: TableContents, after: TableContents) -> Difference:
    """Return the difference between two contents of a table."""
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
