"""The rows of a site's table: conditions, order, pages of a list, and how many rows there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import FromClause, and_, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from console.queries.site_types import SiteColumn, beginning, bound, sort_expression
from console.queries.site_values import WrongValue, is_storable, value_of_json
from console.queries.sites import SiteTable, key_of
from console.queries.table_filter import EMPTY, Condition, TableFilter, check_filter, conditions_of, run_query
from models.json_values import bytes_from_text, bytes_text, to_json_value

LONGEST_CELL = 300  # characters of a value in a list
COUNTED = 10_000  # rows that a filter counts; of more rows the number is not exact
EXACT = 50_000  # rows that are counted for the list of tables


@dataclass(frozen=True, kw_only=True)
class ListedRow:
    """A row of a list.

    Attributes:
        key: the natural key as the history writes it.
        values: by column; long texts are cut.
        cut: the columns whose values are longer.
        place: what ``list_rows`` needs for the rows after this one.
    """

    key: str
    values: Mapping[str, Any]
    cut: frozenset[str]
    gone: bool
    place: Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many rows there are: exactly, about, or more than ``number``."""

    number: int
    about: bool = False
    more: bool = False

    @property
    def shown(self) -> str:
        prefix = "more than " if self.more else "about " if self.about else ""
        return f"{prefix}{self.number:,}"


# --- Pages of a list ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Sort:
    """One value by which rows are sorted."""

    expression: ColumnElement[Any]
    column: SiteColumn
    descending: bool = False

    def after(self, value: Any, dialect: str) -> ColumnElement[bool]:
        parameter = bound(self.column, value, dialect)
        return self.expression < parameter if self.descending else self.expression > parameter

    def from_here(self, value: Any, dialect: str) -> ColumnElement[bool]:
        parameter = bound(self.column, value, dialect)
        return self.expression <= parameter if self.descending else self.expression >= parameter


def _sorts(site: SiteTable, wanted: TableFilter) -> list[_Sort]:
    """Return what rows are sorted by: a chosen column, and then the key. The key decides between equal rows."""
    by_key = wanted.sort is None or site.key == (wanted.sort,)
    sorts = []
    if not by_key:
        column = site.all_columns[str(wanted.sort)]
        sorts.append(_Sort(expression=sort_expression(column), column=column, descending=wanted.descending))
    sorts += [
        _Sort(expression=one.compared, column=one, descending=wanted.descending) for one in site.key_columns
    ]
    return sorts


def order_of(site: SiteTable, wanted: TableFilter) -> list[ColumnElement[Any]]:
    """Return the order of all rows of a filter in one query; rows without a value come last."""
    sorts = _sorts(site, wanted)
    order: list[ColumnElement[Any]] = []
    if len(sorts) > len(site.key) and sorts[0].column.nullable:
        order.append(sorts[0].expression.is_(None).asc())
    return order + [one.expression.desc() if one.descending else one.expression.asc() for one in sorts]


def place_length(site: SiteTable, wanted: TableFilter) -> int:
    """Return how many values the place of a row in the list has."""
    return len(_sorts(site, wanted))


def list_rows(
    session: Session,
    site: SiteTable,
    wanted: TableFilter,
    *,
    after: Sequence[Any] | None = None,
    limit: int = 50,
    longest: int = LONGEST_CELL,
) -> list[ListedRow]:
    """Return rows of a filter. Rows without a value in the sorted column come last, in both directions.

    Args:
        after: the place of the row before the first one.
        longest: characters of a value; longer values are cut.

    Raises:
        WrongValue: the filter or the place is not one of this table.
    """
    check_filter(site, wanted)
    sorts = _sorts(site, wanted)
    values = _place(site, sorts, after) if after is not None else None
    # Two queries, because NULL sorts first on one database and last on another, and so that an index can be used.
    nullable = len(sorts) > len(site.key) and sorts[0].column.nullable
    rows: list[ListedRow] = []
    if not nullable or values is None or values[0] is not None:
        rows = _some_rows(session, site, wanted, sorts, values, limit, longest)
        values = None
    if nullable and len(rows) < limit:
        rest = None if values is None else values[1:]
        without = replace(
            wanted, conditions=(*wanted.conditions, Condition(column=str(wanted.sort), operator=EMPTY))
        )
        rows += _some_rows(session, site, without, sorts[1:], rest, limit - len(rows), longest, first=None)
    return rows


_WITH_SORT = object()


def _some_rows(
    session: Session,
    site: SiteTable,
    wanted: TableFilter,
    sorts: Sequence[_Sort],
    after: Sequence[Any] | None,
    limit: int,
    longest: int,
    first: Any = _WITH_SORT,
) -> list[ListedRow]:
    columns = listed_columns(site, wanted)
    read = [
        one.read if one.name in site.key else beginning(one, longest + 1, site.dialect) for one in columns
    ]
    query = select(*(one.label(f"c{number}") for number, one in enumerate(read)))
    query = query.add_columns(*(one.expression.label(f"s{number}") for number, one in enumerate(sorts)))
    query = query.add_columns(*(one.read.label(f"k{number}") for number, one in enumerate(site.key_columns)))
    gone = site.gone_at
    if gone is not None:
        query = query.add_columns(gone.compared.is_not(None).label("gone"))
    conditions = list(conditions_of(site, wanted))
    if first is _WITH_SORT and sorts[0].column.nullable and len(sorts) > len(site.key):
        conditions.append(sorts[0].expression.is_not(None))
    if after is not None:
        conditions.append(_after(sorts, after, site.dialect))
    order = [one.expression.desc() if one.descending else one.expression.asc() for one in sorts]
    if site.of_another_program:
        query = query.select_from(site.source).where(*conditions).order_by(*order).limit(limit)
    else:
        query = query.select_from(_picked(site, conditions, order, limit)).order_by(*order)
    found = []
    for row in run_query(session, query):
        values, cut = {}, set()
        for number, column in enumerate(columns):
            value = row[number]
            if isinstance(value, str | bytes) and len(value) > longest and column.name not in site.key:
                value = value[:longest]
                cut.add(column.name)
            values[column.name] = value
        end = len(columns) + len(sorts)
        place = [_place_part(value) for value in row[len(columns) : end]]
        key = dict(zip(site.key, row[end : end + len(site.key)], strict=True))
        found.append(
            ListedRow(
                key=key_of(site, key),
                values=values,
                cut=frozenset(cut),
                gone=bool(row[-1]) if gone is not None else False,
                place=place if first is _WITH_SORT else [None, *place],
            )
        )
    return found


def _picked(
    site: SiteTable,
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnElement[Any]],
    limit: int,
) -> FromClause:
    """Return the first rows of a table as a source: their keys are found first, without the values of all others."""
    names = [site.table.c[name] for name in site.key]
    keys = [column.label(f"p{number}") for number, column in enumerate(names)]
    picked = (
        select(*keys).select_from(site.source).where(*conditions).order_by(*order).limit(limit).subquery()
    )
    pairs = zip(names, picked.c, strict=True)
    # SQLite accepts NULL in a primary key.
    same = [
        column.is_not_distinct_from(key) if site.dialect == "sqlite" else column == key
        for column, key in pairs
    ]
    return site.source.join(picked, and_(*same))


def listed_columns(site: SiteTable, wanted: TableFilter) -> list[SiteColumn]:
    """Return the columns of a list: the chosen ones, all others without a choice. The key's come first."""
    known = site.all_columns
    names = wanted.columns or tuple(known)
    return [*site.key_columns, *(known[name] for name in dict.fromkeys(names) if name not in site.key)]


def _place(site: SiteTable, sorts: Sequence[_Sort], after: Sequence[Any]) -> list[Any]:
    if len(after) != len(sorts):
        raise WrongValue("the place in the list is not one of this list")
    nullable = len(sorts) > len(site.key)
    found: list[Any] = []
    for number, (sort, part) in enumerate(zip(sorts, after, strict=True)):
        if part is None and number == 0 and nullable:
            found.append(None)
        elif site.dialect == "sqlite":
            found.append(_stored_value(part))
        else:
            (part,) = part if isinstance(part, list) and len(part) == 1 else (part,)
            found.append(value_of_json(sort.column, part))
    return found


def _place_part(value: Any) -> Any:
    """Return a value as a place has it; bytes are a list, because a column of SQLite may have texts and bytes."""
    return [bytes_text(value)] if isinstance(value, bytes) else to_json_value(value)


def _stored_value(part: Any) -> Any:
    """Return the value of a place on SQLite, where a value is compared as it is stored."""
    if isinstance(part, list) and len(part) == 1 and isinstance(part[0], str):
        with suppress(ValueError):
            return bytes_from_text(part[0])
    elif not isinstance(part, bool) and is_storable(part):
        return part
    raise WrongValue("the place in the list is not one of this list")


def _after(sorts: Sequence[_Sort], values: Sequence[Any], dialect: str) -> ColumnElement[bool]:
    """Return the condition that a row comes after these values: a > x OR (a = x AND b > y) ..."""
    found = sorts[-1].after(values[-1], dialect)
    for sort, value in reversed(list(zip(sorts[:-1], values[:-1], strict=True))):
        # Databases use an index for "a >= x AND (...)", and not for the OR alone.
        found = and_(sort.from_here(value, dialect), or_(sort.after(value, dialect), found))
    return found


# --- How many ----------------------------------------------------------------------------------------------------


def count_rows(session: Session, site: SiteTable, wanted: TableFilter, most: int = COUNTED) -> Count:
    """Return how many rows a filter has; of more than ``most`` rows the number is not known.

    Raises:
        WrongValue: as ``list_rows``.
    """
    inner = (
        select(text("1"))
        .select_from(site.source)
        .where(*conditions_of(site, wanted))
        .limit(most + 1)
        .subquery()
    )
    found = int(run_query(session, select(func.count()).select_from(inner))[0][0])
    return Count(number=most, more=True) if found > most else Count(number=found)


def table_size(session: Session, site: SiteTable) -> Count:
    """Return how many rows a table has: exactly if that is quick, else about, as the database estimates it."""
    estimate = _estimate(session, site)
    if estimate is not None and estimate > EXACT:
        return Count(number=estimate, about=True)
    inner = select(text("1")).select_from(site.table).limit(EXACT + 1).subquery()
    found = int(session.scalar(select(func.count()).select_from(inner)) or 0)
    return Count(number=EXACT, more=True) if found > EXACT else Count(number=found)


def _estimate(session: Session, site: SiteTable) -> int | None:
    schema, name = site.table.schema, site.table.name
    try:
        with session.begin_nested():
            if site.dialect == "sqlite":
                quoted = session.connection().dialect.identifier_preparer.format_table(site.table)
                found = session.connection().exec_driver_sql(f"SELECT MAX(rowid) FROM {quoted}").scalar()  # noqa: S608
            elif site.dialect == "postgresql":
                found = session.scalar(
                    text(
                        "SELECT CAST(reltuples AS BIGINT) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
                        "WHERE relname = :name AND nspname = COALESCE(:schema, CURRENT_SCHEMA())"
                    ),
                    {"name": name, "schema": schema},
                )
            else:
                found = session.scalar(
                    text(
                        "SELECT table_rows FROM information_schema.tables WHERE table_name = :name "
                        "AND table_schema = COALESCE(:schema, DATABASE())"
                    ),
                    {"name": name, "schema": schema},
                )
    except SQLAlchemyError:  # a table of SQLite without rowid
        return None
    return int(found) if isinstance(found, int) and found >= 0 else None
