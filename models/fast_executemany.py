"""Sending many rows to a driver in fewer steps than its own ``executemany``, with the same result.

For a driver that encodes each value, a whole column is encoded at once. For a driver that executes each row, one
statement has many rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import chain, repeat
from typing import Any

Rows = Sequence[Sequence[Any]]

INSERT = re.compile(r"(\s*INSERT\s[^%]*\sVALUES\s+)\((%s(?:, %s)*)\)([^%]*)", re.IGNORECASE | re.DOTALL)
ONE_ROW = re.compile(r"(\s*INSERT\s[^?]*\sVALUES\s+)(\(\?(?:, \?)*\))([^?]*)", re.IGNORECASE | re.DOTALL)
MAX_ROWS, MAX_PARAMETERS = 50, 999  # the latter is the limit of SQLite's oldest versions
READ_BUFFER = 2**18  # bytes
MAX_PACKET = 2**30  # the maximum of max_allowed_packet
SEPARATOR = "\x1f"  # rare in text, and escaping never makes or changes it


class ColumnarRows(list[tuple[Any, ...]]):
    """Rows for a driver, with the same values by column for functions that need columns."""

    def __init__(self, columns: Sequence[Sequence[Any] | Constant]) -> None:
        values = [repeat(c.value) if isinstance(c, Constant) else c for c in columns]
        super().__init__(zip(*values))  # noqa: B905 - repeat() has no end
        self.columns = columns


@dataclass(frozen=True)
class Constant:
    """A column with the same value in all rows."""

    value: Any


def columns_of(rows: Rows) -> Iterable[Sequence[Any] | Constant]:
    return rows.columns if isinstance(rows, ColumnarRows) else zip(*rows, strict=True)


def insert_many(cursor: Any, statement: str, rows: Rows, _context: Any = None) -> bool:
    """Insert many rows with each statement, up to the maximum length: SQLAlchemy's ``do_executemany`` for pymysql."""
    parts = INSERT.fullmatch(statement)
    if parts is None or parts[2].count("%s") != len(rows[0]):
        return False
    before, _, after = parts.groups()
    connection = cursor.connection
    forms: list[str] = []
    varying: list[Iterable[Any]] = []
    for column in columns_of(rows):
        if isinstance(column, Constant):
            forms.append(connection.escape(column.value).replace("%", "%%"))
            continue
        form, values = _literals(connection, column)
        forms.append(form)
        varying.append(values)
    row = f"({', '.join(forms)})"
    written = 0
    texts = list(map(row.__mod__, zip(*varying))) if varying else [row % ()] * len(rows)  # noqa: B905
    room = longest_statement(connection) - (len(before) + len(after)) * 4
    for some in _split_by_size(min(cursor.max_stmt_length, room), texts):
        written += cursor.execute(before + some + after)
    cursor.rowcount = written
    return True


def insert_values(cursor: Any, statement: str, rows: Rows, _context: Any = None) -> bool:
    """Insert many rows with each statement, up to the maximum of parameters: ``do_executemany`` for SQLite.

    The driver releases Python's lock in each step and waits for it again. Without this function a step is a row.
    """
    parts = ONE_ROW.fullmatch(statement)
    most = min(MAX_ROWS, MAX_PARAMETERS // len(rows[0]))
    if parts is None or parts[2].count("?") != len(rows[0]) or most < 2:
        return False
    before, row, after = parts.groups()
    joined = len(rows) - len(rows) % most
    if joined:
        sql = before + ", ".join([row] * most) + after
        cursor.executemany(
            sql, (list(chain.from_iterable(rows[i : i + most])) for i in range(0, joined, most))
        )
    if joined < len(rows):
        cursor.executemany(statement, rows[joined:])
    return True


def enlarge_read_buffer(connection: Any) -> None:
    """Let a pymysql connection read more bytes at a time.

    Its default of 8 KB takes a dozen steps for the rows of a batch, and other threads run after each step.
    """
    file = getattr(connection, "_rfile", None)
    if isinstance(file, io.BufferedReader):  # the connection is new, so the buffer is empty
        connection._rfile = io.BufferedReader(file.detach(), READ_BUFFER)


def longest_statement(connection: Any) -> int:
    """Return how many bytes a statement on a pymysql connection may have (``refuse_long_statements``)."""
    return int(getattr(connection, "longest_statement", MAX_PACKET))


def refuse_long_statements(connection: Any, longest: int) -> None:
    """Let a pymysql connection refuse a statement that is longer than the server's ``max_allowed_packet``.

    The server closes the connection after such a statement, which looks like a lost connection.
    """
    send = connection.query

    def query(sql: str | bytes, unbuffered: bool = False) -> Any:
        encoded = sql.encode(connection.encoding) if isinstance(sql, str) else sql
        if len(encoded) > longest:
            from pymysql.err import DataError  # noqa: PLC0415 - only a process with such a connection needs it

            raise DataError(
                1153,
                f"the statement has {len(encoded)} bytes, the server's max_allowed_packet allows {longest}",
            )
        return send(encoded, unbuffered)

    connection.longest_statement = longest
    connection.query = query


class InList(list[Any]):
    """The values of an ``IN``, all of one type, as one parameter for pymysql (``encode_lists``)."""


def encode_lists(connection: Any) -> None:
    """Let a pymysql connection accept an ``InList``; its own encoding of lists is slow."""

    def encode(values: InList, _mapping: Any) -> str:
        form, literals = _literals(connection, values)
        return "(" + ",".join(map(form.__mod__, literals)) + ")"

    connection.encoders = {**connection.encoders, InList: encode}


def _literals(connection: Any, column: Sequence[Any]) -> tuple[str, Iterable[Any]]:
    """Return the format of a column's literals in SQL, and the texts for the format."""
    kinds = set(map(type, column))
    if len(kinds) == 2 and type(None) in kinds:
        form, values = _literals(connection, [value for value in column if value is not None])
        literals_left = map(form.__mod__, values)
        return "%s", ["NULL" if value is None else next(literals_left) for value in column]
    if len(kinds) == 1:
        kind = kinds.pop()
        if kind is str:
            escaped = _escaped(connection, SEPARATOR.join(column)).split(SEPARATOR)
            if len(escaped) == len(column):
                return "'%s'", escaped
        if kind in LITERALS:
            form, encode = LITERALS[kind]
            return form, map(encode, column)
    return "%s", list(map(connection.escape, column))


def _escaped(connection: Any, text: str) -> str:
    """Return a text as pymysql writes it between two quotes, in a tenth of the time where the text is long."""
    no_backslash, escapes = _escapes()
    if connection.server_status & no_backslash:
        return str(connection.escape(text)[1:-1])
    for character, escape in escapes:
        if character in text:
            text = text.replace(character, escape)
    return text


@cache
def _escapes() -> tuple[int, list[tuple[str, str]]]:
    """Return the status of a server without backslash escapes, and pymysql's escapes, that of the backslash first."""
    # Only a process with such a connection needs them.
    from pymysql.constants.SERVER_STATUS import SERVER_STATUS_NO_BACKSLASH_ESCAPES  # noqa: PLC0415
    from pymysql.converters import escape_string  # noqa: PLC0415

    found = {character: escape_string(character) for character in map(chr, range(128))}
    changed = {character: escape for character, escape in found.items() if escape != character}
    return SERVER_STATUS_NO_BACKSLASH_ESCAPES, [("\\", changed.pop("\\")), *changed.items()]


# As pymysql encodes them; it encodes values of other types itself.
LITERALS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bool: ("%s", int),
    int: ("%s", str),
    bytes: ("X'%s'", bytes.hex),
    date: ("'%s'", date.isoformat),
    Decimal: ("%s", "{:f}".format),
    type(None): ("%s", lambda _: "NULL"),
}


def _split_by_size(size: int, rows: Sequence[str]) -> Iterator[str]:
    """Yield the rows with commas between them, in pieces of at most ``size`` bytes or of one row."""
    joined = ",".join(rows)
    # A character has four bytes at most.
    if len(joined) * 4 <= size or (joined.isascii() and len(joined) <= size) or len(joined.encode()) <= size:
        yield joined
        return
    if len(rows) == 1:
        yield rows[0]
        return
    middle = len(rows) // 2
    yield from _split_by_size(size, rows[:middle])
    yield from _split_by_size(size, rows[middle:])
