"""Many rows to a driver in fewer steps than its own ``executemany`` takes, with the same outcome.

Where the driver spells every value by itself, a column is spelt at a time; where it steps from row to row, it takes
many in one step.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

Rows = Sequence[Sequence[Any]]

INSERT = re.compile(r"(\s*INSERT\s[^%]*\sVALUES\s+)\((%s(?:, %s)*)\)([^%]*)", re.IGNORECASE | re.DOTALL)
ONE_ROW = re.compile(r"(\s*INSERT\s[^?]*\sVALUES\s+)(\(\?(?:, \?)*\))([^?]*)", re.IGNORECASE | re.DOTALL)
MOST_ROWS, MOST_PARAMETERS = 50, 999  # the latter is SQLite's own limit, in its oldest versions
ANSWER = 2**18  # bytes
SEPARATOR = "\x1f"  # hardly ever in a text, and no escaping makes or changes it


class ByColumn(list[tuple[Any, ...]]):
    """Rows for a driver, and the same rows as columns, for those of us who would make columns of them again."""

    def __init__(self, columns: Sequence[Sequence[Any] | Same]) -> None:
        values = [repeat(c.value) if isinstance(c, Same) else c for c in columns]
        super().__init__(zip(*values))  # noqa: B905 - repeat() has no end
        self.columns = columns


@dataclass(frozen=True)
class Same:
    """A column with one value in all rows."""

    value: Any


def columns_of(rows: Rows) -> Iterable[Sequence[Any] | Same]:
    return rows.columns if isinstance(rows, ByColumn) else zip(*rows, strict=True)


def insert_many(cursor: Any, statement: str, rows: Rows, _context: Any = None) -> bool:
    """SQLAlchemy's ``do_executemany`` for pymysql: an INSERT with as many rows as a statement may be long."""
    parts = INSERT.fullmatch(statement)
    if parts is None or parts[2].count("%s") != len(rows[0]):
        return False
    before, _, after = parts.groups()
    escape = cursor.connection.escape
    forms: list[str] = []
    varying: list[Iterable[Any]] = []
    for column in columns_of(rows):
        if isinstance(column, Same):
            forms.append(escape(column.value).replace("%", "%%"))
            continue
        form, values = _literals(escape, column)
        forms.append(form)
        varying.append(values)
    row = f"({', '.join(forms)})"
    written = 0
    texts = list(map(row.__mod__, zip(*varying))) if varying else [row % ()] * len(rows)  # noqa: B905
    for some in _up_to(cursor.max_stmt_length, texts):
        written += cursor.execute(before + some + after)
    cursor.rowcount = written
    return True


def insert_values(cursor: Any, statement: str, rows: Rows, _context: Any = None) -> bool:
    """SQLAlchemy's ``do_executemany`` for SQLite: an INSERT with as many rows as it may have parameters.

    The driver lets other threads run after every step, and has to wait for its turn again: once a row otherwise.
    """
    parts = ONE_ROW.fullmatch(statement)
    most = min(MOST_ROWS, MOST_PARAMETERS // len(rows[0]))
    if parts is None or parts[2].count("?") != len(rows[0]) or most < 2:
        return False
    before, row, after = parts.groups()
    whole = len(rows) - len(rows) % most
    if whole:
        sql = before + ", ".join([row] * most) + after
        cursor.executemany(
            sql, (list(chain.from_iterable(rows[i : i + most])) for i in range(0, whole, most))
        )
    if whole < len(rows):
        cursor.executemany(statement, rows[whole:])
    return True


def read_in_one_go(connection: Any) -> None:
    """Let a pymysql connection read as much of an answer as has come.

    Its own 8 KB at a time are a dozen steps for the rows of a batch, and after each the other threads have a turn.
    """
    file = getattr(connection, "_rfile", None)
    if isinstance(file, io.BufferedReader):  # it is when the connection has just been made: nothing is in it
        connection._rfile = io.BufferedReader(file.detach(), ANSWER)


class InList(list[Any]):
    """The values of an ``IN``, all of one kind, as one parameter of pymysql; ``spell_lists`` makes it known there."""


def spell_lists(connection: Any) -> None:
    """Let a pymysql connection take an ``InList``: it spells lists of its own value by value, with much ado."""

    def spell(values: InList, _mapping: Any) -> str:
        form, literals = _literals(connection.escape, values)
        return "(" + ",".join(map(form.__mod__, literals)) + ")"

    connection.encoders = {**connection.encoders, InList: spell}


def _literals(escape: Callable[[Any], str], column: Sequence[Any]) -> tuple[str, Iterable[Any]]:
    """A column's values as they stand in SQL, and the form of their place in a row."""
    kinds = set(map(type, column))
    if len(kinds) == 2 and type(None) in kinds:
        form, values = _literals(escape, [value for value in column if value is not None])
        there = map(form.__mod__, values)
        return "%s", ["NULL" if value is None else next(there) for value in column]
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind is str:
            escaped = escape(SEPARATOR.join(column))[1:-1].split(SEPARATOR)
            if len(escaped) == len(column):
                return "'%s'", escaped
        if kind in FORMS:
            form, spell = FORMS[kind]
            return form, map(spell, column)
    return "%s", list(map(escape, column))


# As pymysql spells them; what is not here is left to it.
FORMS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bool: ("%s", int),
    int: ("%s", str),
    bytes: ("X'%s'", bytes.hex),
    date: ("'%s'", date.isoformat),
    Decimal: ("%s", "{:f}".format),
    type(None): ("%s", lambda _: "NULL"),
}


def _up_to(size: int, rows: Sequence[str]) -> Iterator[str]:
    """The rows with commas between them, in pieces of no more than ``size`` bytes, or of one row."""
    whole = ",".join(rows)
    # A character has four bytes at most.
    if len(whole) * 4 <= size or (whole.isascii() and len(whole) <= size) or len(whole.encode()) <= size:
        yield whole
        return
    if len(rows) == 1:
        yield rows[0]
        return
    middle = len(rows) // 2
    yield from _up_to(size, rows[:middle])
    yield from _up_to(size, rows[middle:])
