"""Encoding many values as PostgreSQL's text formats: rows for COPY, by column, and the list of an ``= ANY``.

https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2 describes the format of COPY, and
https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO that of arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from models.fast_executemany import Constant, Rows, columns_of

SEPARATOR = "\x1f"  # rare in text, and escaping never makes or changes it


def copy_rows(cursor: Any, statement: str, rows: Rows, _context: Any = None) -> bool:
    """Send the rows by COPY: SQLAlchemy's ``do_executemany`` for PostgreSQL, since the DB-API has no COPY."""
    if not statement.startswith("COPY "):
        return False
    forms: list[str] = []
    varying: list[Iterable[str] | None] = []
    for column in columns_of(rows):
        if isinstance(column, Constant) and (encoded := _encoded([column.value])) is not None:
            forms += [one.replace("%", "%%") for one in encoded]
        else:
            forms.append("%s")
            varying.append(_encoded([column.value] * len(rows) if isinstance(column, Constant) else column))
    with cursor.copy(statement) as copy:
        if None in varying or not varying:  # only the driver can encode some of the values
            for row in rows:
                copy.write_row(row)
        else:
            line = "\t".join(forms) + "\n"
            copy.write("".join(map(line.__mod__, zip(*varying))))  # noqa: B905
    return True


def _encoded(column: Sequence[Any]) -> Iterable[str] | None:
    """Return a column's values encoded for COPY; None if they have several types or an unknown one."""
    kinds = set(map(type, column))
    if len(kinds) == 2 and type(None) in kinds:
        encoded = _encoded([value for value in column if value is not None])
        if encoded is None:
            return None
        encoded_left = iter(encoded)
        return [r"\N" if value is None else next(encoded_left) for value in column]
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    if kind is str:
        escaped = _escape(SEPARATOR.join(column)).split(SEPARATOR)
        return escaped if len(escaped) == len(column) else map(_escape, column)
    return map(ENCODERS[kind], column) if kind in ENCODERS else None


def _escape(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


# As psycopg encodes them.
ENCODERS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "t" if value else "f",
    int: str,
    bytes: lambda value: r"\\x" + value.hex(),
    date: date.isoformat,
    datetime: datetime.isoformat,
    Decimal: str,
    float: repr,
    type(None): lambda _: r"\N",
}


def array_of_texts(values: Sequence[str]) -> str:
    """Return the array of these texts in PostgreSQL's text format."""
    joined = SEPARATOR.join(values)
    if joined.count(SEPARATOR) != len(values) - 1:
        return "{" + ",".join(map(_element, values)) + "}"
    return "{" + _element(joined).replace(SEPARATOR, '","') + "}"


def _element(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array_of_bytes(values: Iterable[bytes]) -> str:
    """Return the array of these bytes in PostgreSQL's text format."""
    return '{"' + '","'.join([r"\\x" + value.hex() for value in values]) + '"}'


def array_of_numbers(values: Iterable[int]) -> str:
    """Return the array of these numbers in PostgreSQL's text format."""
    return "{" + ",".join(map(str, values)) + "}"
