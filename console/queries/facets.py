"""The facets of a table: the columns with few values, and how many rows of a filter have each value."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from console.queries.site_types import BOOLEAN, INTEGER, TEXT, SiteColumn
from console.queries.sites import SiteTable
from console.queries.table_filter import TableFilter, conditions_of, run_query
from console.queries.tables import COUNTED

SAMPLE = 5000  # rows in which a column must have few values
MOST_CHOICES = 24  # different values in the sample
SHOWN = 12  # values of a facet
MOST_FACETS = 6
FRESH = 120.0  # seconds for which the columns with few values are known


@dataclass(frozen=True, kw_only=True)
class FacetValue:
    """A value of a column; ``text`` is what a filter for it has, None for NULL."""

    value: Any
    text: str | None
    rows: int


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A column and its most frequent values.

    Attributes:
        about: the rows were too many; only the first COUNTED of them were counted.
    """

    column: str
    values: Sequence[FacetValue]
    about: bool


_known: weakref.WeakKeyDictionary[Engine, dict[str, tuple[float, tuple[str, ...]]]]
_known = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def choice_columns(session: Session, site: SiteTable) -> tuple[str, ...]:
    """Return the columns with few values: enumerations, and others by a sample of the table."""
    engine = session.get_bind().engine
    with _lock:
        at, names = _known.setdefault(engine, {}).get(site.name, (0.0, ()))
    if not at or time.monotonic() - at > FRESH:
        names = _choice_columns(session, site)
        with _lock:
            _known[engine][site.name] = (time.monotonic(), names)
    return names


def forget(engine: Engine) -> None:
    """Let the next request look for columns with few values again."""
    with _lock:
        _known.pop(engine, None)


def _choice_columns(session: Session, site: SiteTable) -> tuple[str, ...]:
    candidates = [one for one in site.columns.values() if one.name not in site.key and _may_be_choice(one)]
    if not candidates:
        return ()
    sample = (
        select(*(one.compared.label(f"c{number}") for number, one in enumerate(candidates)))
        .select_from(site.table)
        .limit(SAMPLE)
        .subquery()
    )
    counts = session.execute(
        select(func.count(), *(func.count(column.distinct()) for column in sample.c))
    ).one()
    rows = counts[0]
    return tuple(
        one.name
        for one, different in zip(candidates, counts[1:], strict=True)
        if one.choices is not None or is_choice(rows, different)
    )[:MOST_FACETS]


def is_choice(rows: int, different: int) -> bool:
    """Return whether a column with so many different values in so many rows is one to choose from."""
    return 0 < different <= MOST_CHOICES and rows >= 3 * different


def _may_be_choice(column: SiteColumn) -> bool:
    if column.choices is not None or column.kind in (BOOLEAN, INTEGER):
        return True
    return column.kind == TEXT and not column.is_long


def facets_of(session: Session, site: SiteTable, wanted: TableFilter) -> list[Facet]:
    """Return the facets of the rows of a filter. Each is counted without the filter's own condition on it.

    Raises:
        WrongValue: as ``list_rows``.
    """
    return [_facet(session, site, wanted, name) for name in choice_columns(session, site)]


def _facet(session: Session, site: SiteTable, wanted: TableFilter, name: str) -> Facet:
    others = tuple(one for one in wanted.conditions if one.column != name)
    conditions = conditions_of(site, replace(wanted, conditions=others))
    column = site.columns[name]
    rows = (
        select(column.compared.label("value"))
        .select_from(site.source)
        .where(*conditions)
        .limit(COUNTED)
        .subquery()
    )
    number = func.count()
    query = select(rows.c.value, number).group_by(rows.c.value).order_by(number.desc()).limit(MOST_CHOICES)
    found = [(value, int(many)) for value, many in run_query(session, query)]
    return Facet(
        column=name,
        values=[
            FacetValue(value=_typed(column, value), text=None if value is None else str(value), rows=many)
            for value, many in found[:SHOWN]
        ],
        about=sum(many for _, many in found) >= COUNTED,
    )


def _typed(column: SiteColumn, value: Any) -> Any:
    return bool(value) if column.kind == BOOLEAN and isinstance(value, int) else value
