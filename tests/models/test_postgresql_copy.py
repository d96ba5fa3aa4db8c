"""The servers read the values of the encoded texts: rows for COPY, and the lists of an IN."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from crawler.page.row import ValidRow, content_hash
from models import Quote
from models.postgresql_copy import array_of_bytes, array_of_numbers, array_of_texts
from models.session import make_engine
from pipelines.storage import statements
from pipelines.storage.write_rows import write_batch
from tests.conftest import service
from tests.models.texts import TEXTS
from tests.pipelines.demo_rows import FIRST, Table, quote

HOSTILE = [
    *TEXTS,
    "\\N",
    "\\.",
    "\\",
    "a\\",
    "{}",
    '","',
    '"',
    "\x1f",
    "\\x41",
    "\r",
    "\t",
    "\n\\.\n",
    "NULL",
    "\x7f",
]
ANY_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
LISTS = st.lists(st.one_of(st.sampled_from(HOSTILE), ANY_TEXT), min_size=1, max_size=20)
ONE_ENGINE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def postgresql_engine() -> Iterator[Engine]:
    engine = make_engine(service("TEST_POSTGRESQL_URL", "PostgreSQL"))
    yield engine
    engine.dispose()


COLUMNS = {
    "said": "text",
    "price": "numeric(12, 4)",
    "number": "bigint",
    "weight": "double precision",
    "there": "boolean",
    "day": "date",
    "at": "timestamptz",
    "blob": "bytea",
}


def copied(engine: Engine, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TEMPORARY TABLE copied (number_of_row serial, "
            + ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
            + ") ON COMMIT DROP"
        )
        connection.exec_driver_sql(f"COPY copied ({', '.join(COLUMNS)}) FROM STDIN", rows)
        found = connection.exec_driver_sql(f"SELECT {', '.join(COLUMNS)} FROM copied ORDER BY number_of_row")
        return [tuple(row) for row in found]


def row(n: int, said: Any) -> tuple[Any, ...]:
    return (
        said,
        Decimal(n) / 4 - 10,
        n - 2**60,
        float(n) / 7,
        n % 2 == 0,
        date(1, 1, 1) if n == 0 else date(2024, 2, n % 29 + 1),
        datetime(2024, 2, 3, 4, 5, 6, n, tzinfo=UTC),
        bytes(range(n % 256)),
    )


@ONE_ENGINE
@given(LISTS)
@example(HOSTILE)
@example(["", ""])
def test_copy_stores_any_text_as_it_is(postgresql_engine: Engine, texts: list[str]) -> None:
    rows = [row(n, text) for n, text in enumerate([*texts, "one more"])]
    assert copied(postgresql_engine, rows) == rows


def test_copy_distinguishes_null_from_a_text_that_looks_like_it(postgresql_engine: Engine) -> None:
    rows = [(*row(n, text)[: n % 9], *[None] * (8 - n % 9)) for n, text in enumerate([*HOSTILE, None, "\\N"])]
    assert copied(postgresql_engine, rows) == rows


def test_copy_uses_the_driver_for_values_of_other_types(postgresql_engine: Engine) -> None:
    """A column with values of several types."""
    rows = [(text, *row(n, text)[1:2], *row(n, text)[2:]) for n, text in enumerate(HOSTILE)]
    rows[1] = (rows[1][0], 7, *rows[1][2:])
    assert copied(postgresql_engine, rows) == rows


@ONE_ENGINE
@given(LISTS)
@example(HOSTILE)
def test_postgresql_reads_a_list_of_texts_as_it_is(postgresql_engine: Engine, texts: list[str]) -> None:
    with postgresql_engine.connect() as connection:
        spelt = connection.exec_driver_sql("SELECT %s::text[]", (array_of_texts(texts),)).scalar_one()
    assert spelt == texts


def test_postgresql_reads_lists_of_numbers_and_bytes(postgresql_engine: Engine) -> None:
    numbers, blobs = [0, -1, 2**63 - 1], [b"", b"\x00\\\"'", bytes(range(256))]
    with postgresql_engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT %s::bigint[], %s::bytea[]", (array_of_numbers(numbers), array_of_bytes(blobs))
        ).one()
    assert tuple(found) == (numbers, blobs)


def test_any_text_and_any_hash_is_found_by_a_list_of_them(engine: Engine) -> None:
    table = Table(engine)
    texts = [text for text in HOSTILE if text.strip()]
    rows = [ValidRow(Quote, quote(n, body=text, tags=None)) for n, text in enumerate([*texts, "another"])]
    run_id = table.run()
    with table.sessions.begin() as session:
        write_batch(session, rows, run_id=run_id, now=FIRST)
        columns = Quote.table().c
        hashes = [content_hash(Quote.values_getter()(row.values)) for row in rows[:-1]]
        for condition in (
            statements._value_in(session, columns.body, texts),
            statements.hash_in(session, columns.content_hash, hashes),
            statements.key_in(session, Quote, [(n,) for n in range(len(texts))]),
        ):
            found = session.scalars(select(columns.body).where(condition).order_by(columns.quote_id))
            assert found.all() == texts
