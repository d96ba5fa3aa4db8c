"""Exports: cells of CSV, values that SQLite should not have, and what a cut export looks like."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow
import pytest
from apiflask import APIFlask
from pyarrow import parquet
from sqlalchemy import Column, Engine, Integer, String, text

from console.exports import stream
from console.exports.formats import CSV, JSON_LINES, PARQUET, WRITERS, ExportColumn, csv_cell
from console.queries.site_types import DECIMAL, INTEGER, JSON_TEXT, TEXT, SiteColumn, site_column
from console.queries.sites import key_in_table
from tests.console import site_tables
from tests.console.conftest import Client


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("a=1", "a=1"),
        ("", ""),
        (-5, -5),
        (-5.5, -5.5),
        (Decimal("-5.50"), Decimal("-5.50")),
        (True, "true"),
        (None, ""),
        (date(2026, 11, 30), "2026-11-30"),
        (datetime(2026, 11, 30, tzinfo=UTC), "2026-11-30T00:00:00+00:00"),
        (b"=1", "data:;base64,PTE="),
    ],
)
def test_a_cell_of_csv_is_no_formula_and_a_number_is_a_number(value: Any, cell: Any) -> None:
    assert csv_cell(value) == cell


COLUMNS = (
    ExportColumn(name="=name", kind=TEXT),
    ExportColumn(name="=name", kind=INTEGER),
    ExportColumn(name="json", kind=JSON_TEXT),
    ExportColumn(name="any digits", kind=DECIMAL),
)
ROWS = [("\ud800", 1, '{"a": [1]}', Decimal("1.50")), (None, None, "no JSON", None)]


def written(form: str, rows: Sequence[Any] = ROWS) -> bytes:
    writer = WRITERS[form](COLUMNS)
    return writer.begin() + writer.rows(rows) + writer.end()


def test_halves_of_characters_are_escaped_in_each_format() -> None:
    assert written(CSV).decode().splitlines() == [
        "'=name,'=name,json,any digits",
        '\\ud800,1,"{""a"": [1]}",1.50',
        ",,no JSON,",
    ]
    assert json.loads(written(JSON_LINES).splitlines()[0])["json"] == {"a": [1]}
    table = parquet.read_table(io.BytesIO(written(PARQUET)))
    assert table.column_names == ["=name", "=name_", "json", "any digits"]
    assert table.to_pylist()[0] == {
        "=name": "\\ud800",
        "=name_": 1,
        "json": '{"a": [1]}',
        "any digits": "1.50",
    }


def test_parquet_has_row_groups_and_a_cut_file_cannot_be_read() -> None:
    columns = [ExportColumn(name="n", kind=INTEGER), ExportColumn(name="long", kind=TEXT)]
    writer = WRITERS[PARQUET](columns)
    begin = writer.begin() + writer.rows([(n, "x" * 5_000_000) for n in range(8)])
    assert len(begin) > 4, "a group is written while rows are read"
    whole = begin + writer.end()
    assert parquet.ParquetFile(io.BytesIO(whole)).num_row_groups >= 2
    with pytest.raises(pyarrow.ArrowInvalid):
        parquet.read_table(io.BytesIO(begin))


def test_an_error_in_the_stream_goes_on_to_the_server_and_gives_the_connection_back(
    viewer: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    site_tables.make(engine)
    site_tables.forget(engine)

    def broken(self: Any, first: Any, rest: Any) -> Iterator[Any]:
        yield first
        raise OSError("the database has gone away")

    with monkeypatch.context() as patch:
        patch.setattr(stream._Reader, "_all", broken)
        for _ in range(2 * stream.MOST_EXPORTS):
            with pytest.raises(OSError, match="gone away"):
                viewer.get("/tables/export?table=measure&format=csv", buffered=True)
    assert viewer.get("/tables/export?table=measure&format=csv").status_code == 200


def test_too_many_exports_are_refused(viewer: Client, engine: Engine) -> None:
    site_tables.make(engine)
    site_tables.forget(engine)
    address = "/tables/export?table=measure&format=csv"
    opened = [viewer.get(address) for _ in range(stream.MOST_EXPORTS)]
    assert viewer.get(address).status_code == 503
    opened[0].close()  # a reader that goes before the end
    assert viewer.get(address, buffered=True).status_code == 200
    for one in opened:
        one.close()


def test_another_format_is_refused(viewer: Client, engine: Engine) -> None:
    site_tables.make(engine)
    site_tables.forget(engine)
    assert viewer.get("/tables/export?table=measure&format=exe").status_code == 400
    assert viewer.get("/changes/export?format=exe").status_code == 400


def test_values_that_sqlite_should_not_have(viewer: Client, engine: Engine, app: APIFlask) -> None:
    site_tables.make(engine)
    site_tables.forget(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE wide SET \"text 1\" = CAST(x'ff41' AS TEXT), day = 'no day', price = x'00' WHERE id = 0"
            )
        )
        connection.execute(text("UPDATE wide SET \"number 5\" = 'many' WHERE id = 1"))
    page = viewer.text("/tables/rows?table=wide&gone=with&sort=day&show=day")
    assert "no day" in page
    assert "\ufffdA" in viewer.text("/changes/row?table=wide&key=[0]")
    assert viewer.get("/api/v1/tables/wide/rows?gone=with").status_code == 200
    table = parquet.read_table(
        io.BytesIO(viewer.get("/tables/export?table=wide&gone=with&format=parquet").data)
    )
    assert table.column("day")[0].as_py() == "no day", "the column is text"
    assert table.column("number 5")[1].as_py() == "many"
    assert table.column("number 6")[1].as_py() == 1 / 7, "the others keep their types"


def column(name: str, kind: Any) -> SiteColumn:
    return site_column(Column(name, kind), kind, "postgresql", nullable=False)


def test_the_column_of_a_field_with_another_name_is_found_only_if_it_is_clear() -> None:
    columns = {
        one.name: one
        for one in (column("id", Integer()), column("code", String(9)), column("ean", String(9)))
    }
    seen = {"sku": column("sku", String(9)), "code": column("code", String(9))}
    assert key_in_table(("code",), columns, seen, [("id",), ("code",)]) == ("code",)
    assert key_in_table(("sku",), columns, seen, [("id",), ("code",)]) == ("code",)
    assert key_in_table(("sku",), columns, seen, [("id",), ("code",), ("ean",)]) is None
    assert key_in_table(("code", "sku"), columns, seen, [("code", "ean")]) == ("code", "ean")
    assert key_in_table(("sku",), columns, seen, [("id",)]) is None, "a number is no text"


@pytest.mark.parametrize(
    ("size", "mean", "expected"),
    [(20, 100, 80), (80, 100, 200), (200, 100, 200), (20, 5_000_000, 1), (1, 10, 4), (20, 0, 80)],
)
def test_long_rows_are_read_a_few_at_once(size: int, mean: float, expected: int) -> None:
    assert stream.next_size(size, mean, most=200) == expected
