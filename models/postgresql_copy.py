"""Many values as PostgreSQL reads them from a text: rows for COPY, a column at a time, and the list of an ``= ANY``.

https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2 says how COPY reads, and
https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO how a list is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from models.many_rows import Rows, Same, columns_of

SEPARATOR = "\x1f"  # hardly ever in a text, and nothing here makes or changes it


def copy_rows(cursor: Any, statement: str, rows: Rows, _context: Any = None) -> bool:
    """SQLAlchemy's ``do_executemany`` for PostgreSQL's COPY, which is no statement of the DB-API."""
    if not statement.startswith("COPY "):
        return False
    forms: list[str] = []
    varying: list[Iterable[str] | None] = []
    for column in columns_of(rows):
        if isinstance(column, Same) and (spelt := _spelt([column.value])) is not None:
            forms += [one.replace("%", "%%") for one in spelt]
        else:
            forms.append("%s")
            varying.append(_spelt([column.value] * len(rows) if isinstance(column, Same) else column))
    with cursor.copy(statement) as copy:
        if None in varying or not varying:  # something is in it that only the driver can spell
            for row in rows:
                copy.write_row(row)
        else:
            line = "\t".join(forms) + "\n"
            copy.write("".join(map(line.__mod__, zip(*varying))))  # noqa: B905
    return True


def _spelt(column: Sequence[Any]) -> Iterable[str] | None:
    """A column's values as COPY reads them; nothing where they are of more than one kind, or of one not known."""
    kinds = set(map(type, column))
    if len(kinds) == 2 and type(None) in kinds:
        spelt = _spelt([value for value in column if value is not None])
        if spelt is None:
            return None
        there = iter(spelt)
        return [r"\N" if value is None else next(there) for value in column]
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    if kind is str:
        escaped = _escape(SEPARATOR.join(column)).split(SEPARATOR)
        return escaped if len(escaped) == len(column) else map(_escape, column)
    return map(SPELLING[kind], column) if kind in SPELLING else None


def _escape(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


# As psycopg spells them.
SPELLING: dict[type, Callable[[Any], str]] = {
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
    whole = SEPARATOR.join(values)
    if whole.count(SEPARATOR) != len(values) - 1:
        return "{" + ",".join(map(_element, values)) + "}"
    return "{" + _element(whole).replace(SEPARATOR, '","') + "}"


def _element(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array_of_bytes(values: Iterable[bytes]) -> str:
    return '{"' + '","'.join([r"\\x" + value.hex() for value in values]) + '"}'


def array_of_numbers(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
