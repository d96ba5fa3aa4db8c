"""The filter of a table: which rows a list has, as conditions of a query."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, false, or_, true
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from console.queries.site_types import BINARY, BOOLEAN, TEXTS, SiteColumn, bound
from console.queries.site_values import WrongValue, is_storable, parse_value
from console.queries.sites import SiteTable
from models.types import MYSQL

EQUAL, CONTAINS, LESS, MORE, EMPTY = "=", "contains", "<", ">", "empty"
OPERATORS = (EQUAL, CONTAINS, LESS, MORE, EMPTY)
NOT_GONE, WITH_GONE, ONLY_GONE = GONE = ("not", "with", "only")

LONGEST_TEXT = 1000  # characters of a text that a filter looks for
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a value of a column must be."""

    column: str
    operator: str
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class TableFilter:
    """Which rows a list has, in which order, and with which columns.

    Attributes:
        prefix: how the key begins; parts of a key have "/" between them.
        gone: NOT_GONE, WITH_GONE or ONLY_GONE.
        sort: a column; None: the key.
        columns: the columns of the list; none: those that fit.
    """

    prefix: str = ""
    conditions: tuple[Condition, ...] = ()
    gone: str = NOT_GONE
    sort: str | None = None
    descending: bool = False
    columns: tuple[str, ...] = ()


def check_filter(site: SiteTable, wanted: TableFilter) -> None:
    """Raise WrongValue if the table has no such columns, or its columns no such values."""
    for name in (*wanted.columns, *([wanted.sort] if wanted.sort is not None else [])):
        if name not in site.all_columns:
            raise WrongValue(f"the table {site.name} has no column {name[:100]!r}")
    if wanted.sort is not None and not can_sort(site, site.all_columns[wanted.sort]):
        raise WrongValue(f"rows cannot be sorted by {wanted.sort}: its values are bytes")
    if wanted.gone not in GONE:
        raise WrongValue("gone is one of not, with, only")
    conditions_of(site, wanted)


def can_sort(site: SiteTable, column: SiteColumn) -> bool:
    """Return whether a list may be sorted by the column: bytes may be long, unless they are a key."""
    return column.kind != BINARY or column.name in site.key


def can_contain(column: SiteColumn) -> bool:
    """Return whether a filter may look for a part of the column's values."""
    return column.kind in TEXTS


def conditions_of(site: SiteTable, wanted: TableFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter.

    Raises:
        WrongValue: the table has no such column, or the column no such value.
    """
    found: list[ColumnElement[bool]] = []
    gone = site.gone_at
    if wanted.gone == ONLY_GONE:
        found.append(gone.compared.is_not(None) if gone is not None else false())
    elif wanted.gone == NOT_GONE and gone is not None:
        found.append(gone.compared.is_(None))
    if wanted.prefix:
        found.append(_begins(site, wanted.prefix))
    found += [_condition(site, one) for one in wanted.conditions]
    return found


def _begins(site: SiteTable, prefix: str) -> ColumnElement[bool]:
    _check_text(prefix)
    ways = [prefix.split("/", number) for number in range(min(len(site.key), prefix.count("/") + 1))]
    found: list[ColumnElement[bool]] = []
    for parts in ways:
        columns = site.key_columns[: len(parts)]
        try:
            exact = [
                column.compared == bound(column, parse_value(column, part), site.dialect)
                for column, part in zip(columns[:-1], parts[:-1], strict=True)
            ]
            found.append(and_(*exact, _part_begins(site, columns[-1], parts[-1])))
        except WrongValue:
            continue
    return or_(*found) if found else false()


def _part_begins(site: SiteTable, column: SiteColumn, prefix: str) -> ColumnElement[bool]:
    if not prefix:
        return true()
    if column.kind not in TEXTS:
        return column.compared == bound(column, parse_value(column, prefix), site.dialect)
    if site.dialect == "sqlite":  # its LIKE ignores case, and then uses no index
        return and_(
            column.compared >= bound(column, prefix, site.dialect),
            column.compared < bound(column, prefix + LAST_CHARACTER, site.dialect),
        )
    return column.compared.startswith(prefix, autoescape=True)


def _condition(site: SiteTable, one: Condition) -> ColumnElement[bool]:
    column = site.all_columns.get(one.column)
    if column is None:
        raise WrongValue(f"the table {site.name} has no column {one.column[:100]!r}")
    if one.operator == EMPTY:
        return column.compared.is_(None)
    _check_text(one.value)
    if one.operator == CONTAINS:
        if not can_contain(column):
            raise WrongValue(f"{column.name} has no texts: use =, < or >")
        return column.compared.icontains(one.value, autoescape=True)
    value = bound(column, parse_value(column, one.value), site.dialect)
    if one.operator == EQUAL:
        return column.compared == value
    if one.operator not in (LESS, MORE) or column.kind == BOOLEAN:
        raise WrongValue(f"{column.name} cannot be compared with {one.operator[:20]!r}")
    return column.compared < value if one.operator == LESS else column.compared > value


def _check_text(value: str) -> None:
    if len(value) > LONGEST_TEXT:
        raise WrongValue(f"the text of a filter is longer than {LONGEST_TEXT} characters")
    if not is_storable(value):
        raise WrongValue("the text of a filter has a character that no database stores")


def run_query(session: Session, query: Select[Any]) -> Sequence[Any]:
    """Return the rows of a query with values that people typed.

    Raises:
        WrongValue: the database refuses one of them.
    """
    try:
        return session.execute(query).all()
    except DataError as error:
        session.rollback()
        raise WrongValue("the database refuses a value of this filter") from error
    except OperationalError as error:
        cause: Any = error.orig
        if session.get_bind().dialect.name in MYSQL and cause.args[:1] in MIXED_TEXTS:
            session.rollback()
            raise WrongValue("the column cannot have a text with such characters") from error
        raise


MIXED_TEXTS = ((1267,), (1271,), (3988,), (1366,))  # MariaDB: collations that cannot be compared


def key_as_json(key: str) -> list[Any]:
    """Return the parts of a key as the history writes it.

    Raises:
        WrongValue: it is no such key.
    """
    try:
        parts = json.loads(key)
    except (ValueError, RecursionError):
        raise WrongValue("the key is not a JSON list") from None
    if not isinstance(parts, list) or not parts:
        raise WrongValue("the key is not a JSON list")
    return parts
