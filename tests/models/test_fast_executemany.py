"""Rows that are sent to the driver together are stored as if each was sent alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Double,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import IntegrityError

from models.fast_executemany import SEPARATOR
from tests.models.texts import TEXTS

KINDS = Table(
    "many_rows_kinds",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("text", Text),
    Column("price", Numeric(12, 4)),
    Column("weight", Double),
    Column("there", Boolean),
    Column("day", Date),
    Column("blob", LargeBinary),
    mysql_charset="utf8mb4",
)


@pytest.fixture
def table(engine: Engine) -> Iterator[Table]:
    KINDS.drop(engine, checkfirst=True)
    KINDS.create(engine)
    yield KINDS
    KINDS.drop(engine)


def rows(number: int) -> list[dict[str, Any]]:
    """Return rows: some columns have one type, some have NULL too, and some texts are hostile."""
    return [
        {
            "id": n,
            "text": TEXTS[n % len(TEXTS)],
            "price": Decimal(n) / 4 - 10 if n % 3 else None,
            "weight": n / 7,
            "there": n % 2 == 0,
            "day": date(1, 1, 1) if n == 0 else date(2024, 2, n % 29 + 1),
            "blob": bytes(range(n % 256)) if n % 5 else None,
        }
        for n in range(number)
    ]


def store(engine: Engine, table: Table, given: Sequence[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), list(given))


def stored(engine: Engine, table: Table) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(table.c.id)).mappings()]


@pytest.mark.parametrize("number", [2, 49, 237])
def test_every_value_comes_back_unchanged(engine: Engine, table: Table, number: int) -> None:
    given = rows(number)
    store(engine, table, given)
    assert stored(engine, table) == given


def test_a_text_with_every_character_comes_back_unchanged(engine: Engine, table: Table) -> None:
    first = 1 if engine.dialect.name == "postgresql" else 0  # it stores no NUL
    text = "".join(chr(n) for n in range(first, 0x250) if chr(n) != SEPARATOR)
    given = [text, text[::-1], "\\\\' \\'; --", "\\"]
    store(engine, table, [{"id": n, "text": one} for n, one in enumerate(given)])
    assert [row["text"] for row in stored(engine, table)] == given


def test_a_separator_in_one_text_does_not_shift_the_others(engine: Engine, table: Table) -> None:
    given = [{"id": n, "text": text} for n, text in enumerate(["a\x1fb", "c", "", "\x1f"])]
    store(engine, table, given)
    assert [row["text"] for row in stored(engine, table)] == ["a\x1fb", "c", "", "\x1f"]


def test_rows_beyond_the_length_of_a_statement_are_stored(engine: Engine, table: Table) -> None:
    given = [{"id": n, "text": f"{n} " + "ü" * 30_000} for n in range(80)]  # 5 MB
    store(engine, table, given)
    assert [row["text"] for row in stored(engine, table)] == [row["text"] for row in given]


def test_a_refused_row_makes_its_whole_statement_fail(engine: Engine, table: Table) -> None:
    given = rows(120)
    with pytest.raises(IntegrityError):
        store(engine, table, [*given, given[7]])
    assert stored(engine, table) == []


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)  # only MySQL has such a mode
def test_the_server_reads_a_quoted_text_unchanged(engine: Engine, table: Table) -> None:
    given = [{"id": n, "text": text} for n, text in enumerate(TEXTS)]
    with engine.connect() as connection:
        connection.detach()  # no other test may get this connection
        connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')")
        connection.execute(insert(table), given)
        connection.commit()
    assert [row["text"] for row in stored(engine, table)] == TEXTS


@pytest.mark.parametrize("length", [1, 2**18 - 1, 2**18, 2**20 + 3])
def test_an_answer_of_any_length_is_read_completely_and_the_next_one_too(engine: Engine, length: int) -> None:
    long = "ä€😀x" * (length // 4) + "y" * (length % 4)
    with engine.connect() as connection:
        for text in (long, "short", long):
            assert connection.scalar(select(literal(text))) == text
