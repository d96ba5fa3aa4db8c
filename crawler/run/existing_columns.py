"""The columns of the existing tables that a crawl feeds, kept with its run: the next crawl names what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRun, Row
from models.existing.definition import ExistingRow
from models.run import ClaimedRun

NAME = "columns of "


def existing_columns(models: Iterable[type[Row]]) -> dict[str, str]:
    """Return the columns that the models fill, as the database describes them, by ``columns of TABLE``."""
    return {
        f"{NAME}{model.__tablename__}": ", ".join(
            f"{name} {text}" for name, text in model.read().described.items()
        )
        for model in models
        if issubclass(model, ExistingRow)
    }


def changed_columns(session: Session, run: ClaimedRun, columns: Mapping[str, str]) -> list[str]:
    """Return a line for each column that is not as it was in the last run of the scope."""
    if not columns:
        return []
    last = session.execute(
        select(CrawlRun.id, CrawlRun.versions)
        .where(CrawlRun.scope == run.scope, CrawlRun.id < run.id, CrawlRun.versions.is_not(None))
        .order_by(CrawlRun.id.desc())
        .limit(1)
    ).one_or_none()
    lines = []
    for table, now in columns.items():
        before = (last.versions or {}).get(table) if last is not None else None
        if last is None or before is None or before == now:
            continue
        old, new = _by_name(before), _by_name(now)
        lines += [
            f"{table.removeprefix(NAME)} has changed since run {last.id}: {name} was {old[name]} and is {new[name]}"
            for name in new
            if name in old and old[name] != new[name]
        ]
    return lines


def _by_name(columns: str) -> dict[str, str]:
    parts: list[str] = []
    for part in columns.split(", "):
        # A type may have a comma too: DECIMAL(10, 2), ENUM('a', 'b').
        if parts and parts[-1].count("(") > parts[-1].count(")"):
            parts[-1] += f", {part}"
        else:
            parts.append(part)
    return {name: text for name, _, text in (part.partition(" ") for part in parts)}
