"""Tables, rows, changes and exports on all databases, with tables that nobody of this project wrote."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from pyarrow import parquet
from sqlalchemy import Engine, func, inspect, select

from console.app import create_app
from console.config import ConsoleConfig
from models.session import make_engine
from tests.conftest import DATABASES, empty
from tests.console import site_tables
from tests.console.conftest import Client, client_of
from tests.console.site_tables import ODD, SCRIPT, START, TEXTS
from tests.services import service

csv.field_size_limit(10_000_000)
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module", params=list(DATABASES))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Yield a database with hostile tables and a history of their rows. The tests of this module only read it."""
    named = DATABASES[request.param]
    url = service(*named) if named else f"sqlite:///{tmp_path_factory.mktemp('data') / 'test.db'}"
    engine = make_engine(url)
    if inspect(engine).has_table("crawl_run"):
        site_tables.drop(engine)  # of a run of the tests that was killed
    empty(url)
    site_tables.make(engine)
    site_tables.add_history(engine)
    yield engine
    site_tables.drop(engine)
    empty(url)
    engine.dispose()


@pytest.fixture(scope="module")
def viewer(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Client:
    app = create_app(ConsoleConfig(pages_folder=tmp_path_factory.mktemp("pages")), engine)
    return client_of(app, engine, "viewer")


def at(path: str, **arguments: Any) -> str:
    return f"{path}?{urlencode(arguments, doseq=True)}"


def api_rows(viewer: Client, table: str, **arguments: Any) -> dict[str, Any]:
    response = viewer.get(at(f"/api/v1/tables/{quote(table, safe='')}/rows", **arguments))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json
    return found


def keys_of_all_pages(viewer: Client, table: str, limit: int, **arguments: Any) -> list[list[Any]]:
    found, after = [], ""
    for _ in range(60):
        page = api_rows(viewer, table, limit=limit, after=after, **arguments)
        found += [json.loads(row["key"]) for row in page["rows"]]
        after = page["after"]
        if not after:
            return found
    raise AssertionError("the pages do not end")


def harmless(text: str) -> str:
    """Return the HTML of a page without markup of a site and without control characters."""
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert not CONTROLS.search(text), repr(CONTROLS.search(text))
    assert not re.search(r'(href|src|action)="\s*(?!/|#|\?|https?://)[^"]', text)
    return text


@pytest.mark.parametrize("table", [ODD, "wide", "measure", "reading", "file", "product"])
def test_every_screen_of_a_table_shows_its_values_as_text(viewer: Client, table: str) -> None:
    names = list(viewer.get(at("/api/v1/tables")).json["rows"])
    assert table in [one["name"] for one in names]
    harmless(viewer.text("/tables/"))
    columns = api_rows(viewer, table, limit=1)["rows"][0]["values"]
    page = harmless(viewer.text(at("/tables/rows", table=table, gone="with", show=list(columns))))
    assert len(page) < 600_000, "a long value is cut"
    harmless(viewer.text(at("/tables/facets", table=table, gone="with")))
    for link in re.findall(r'href="(/changes/row\?[^"]+)"', page)[:30:3]:
        harmless(viewer.text(unescape(link)))


def test_each_odd_key_has_the_page_of_its_row(viewer: Client) -> None:
    for key in [*site_tables.KEYS, *TEXTS]:
        address = at("/api/v1/rows", table=ODD, key=json.dumps([key]))
        row = viewer.get(address).json
        assert row["values"]["key"] == key
        assert row["values"]["text"] == TEXTS.get(key, key), "the whole value"
        assert [one["kind"] for one in row["history"]["rows"]] == ["changed"]


@pytest.mark.parametrize(
    ("table", "sort"),
    [
        (ODD, None),
        (ODD, "text"),
        (ODD, SCRIPT),
        ("wide", "text 1"),
        ("wide", "number 5"),
        ("wide", "small"),
        ("wide", "gone_at"),
        ("measure", None),
        ("measure", "kind"),
        ("measure", "value"),
        ("measure", "place"),
        ("file", None),
        ("product", "unit price"),
    ],
)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_pages_of_a_list_have_each_row_once(
    viewer: Client, table: str, sort: str | None, order: str
) -> None:
    arguments = {"order": order, "gone": "with"} | ({"sort": sort, "show": sort} if sort else {})
    one_page = [json.loads(row["key"]) for row in api_rows(viewer, table, limit=500, **arguments)["rows"]]
    assert keys_of_all_pages(viewer, table, 11, **arguments) == one_page
    assert len({str(key) for key in one_page}) == len(one_page) >= 5


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_rows_without_a_value_come_last(viewer: Client, order: str) -> None:
    rows = api_rows(viewer, "wide", sort="small", order=order, gone="with", limit=500)["rows"]
    values = [row["values"]["small"] for row in rows]
    numbers = [float(value) for value in values if value is not None]
    assert values[len(numbers) :] == [None] * 20
    assert numbers == sorted(numbers, reverse=order == "desc")


def count(viewer: Client, table: str, *conditions: tuple[str, str, str], **arguments: Any) -> int:
    columns, operators, values = zip(*conditions, strict=True) if conditions else ((), (), ())
    rows = api_rows(viewer, table, column=columns, op=operators, value=values, limit=500, **arguments)["rows"]
    counted = viewer.get(
        at(f"/api/v1/tables/{table}/counts", column=columns, op=operators, value=values, **arguments)
    ).json["count"]
    assert counted == {"number": len(rows), "about": False, "more": False}
    return len(rows)


def test_filters(viewer: Client) -> None:
    assert count(viewer, "wide") == 36, "rows that are gone are hidden"
    assert count(viewer, "wide", gone="only") == 4
    assert count(viewer, "wide", ("id", "<", "5"), gone="with") == 5
    assert count(viewer, "wide", ("id", ">", "5"), ("id", "<", "8")) == 2
    assert count(viewer, "wide", ("text 0", "contains", "drop TABLE")) == 36, (
        "upper and lower case are the same"
    )
    assert count(viewer, "wide", ("text 0", "contains", "DROP%TABLE")) == 0, "% is a character"
    assert count(viewer, "wide", ("text 1", "=", "value 0"), ("day", "=", "2026-11-02"), gone="with") == 7
    assert count(viewer, "wide", ("small", "empty", ""), gone="with") == 20
    assert count(viewer, "wide", ("small", "<", "-30"), gone="with") == 5
    assert count(viewer, "wide", ("last_seen_at", ">", "2026-11-03T07:59")) == 36
    assert count(viewer, "wide", ("last_seen_at", ">", "2026-11-03T08:00Z")) == 0
    assert count(viewer, "measure", q="2026-11-01/a/b") == 4, "the second part is a/b"
    assert count(viewer, "measure", q="no day") == 0
    assert count(viewer, "measure", q="2026-11-01/bö") == 4
    assert count(viewer, "measure", q="2026-11-01") == 12
    assert count(viewer, "file", q="ff" * 16) == 1
    assert count(viewer, "product", q="P") == 4
    assert count(viewer, "product", gone="only") == 1


SQL = [
    "' OR 1=1 --",
    "'; DROP TABLE wide; --",
    '" OR ""="',
    "1) OR (1=1",
    "%(x)s %s ? :x {0}",
    "9" * 400,
    "NaN",
    "0000-00-00",
    "😀" * 100,
]


@pytest.mark.parametrize("text", SQL)
def test_sql_in_every_filter_is_a_value(viewer: Client, engine: Engine, text: str) -> None:
    for name in ("q", "gone", "sort", "order", "show", "after", "limit", "table"):
        response = viewer.get(at("/tables/rows", **({"table": "wide", "limit": 1} | {name: text})))
        assert response.status_code in (200, 400, 404), (name, response.text[:300])
    for table, column in (("wide", "id"), ("wide", "price"), ("wide", "text 0"), ("file", "digest")):
        for operator in ("=", "<", "contains"):
            arguments = {"table": table, "show": column, "column": column, "op": operator, "value": text}
            response = viewer.get(at("/tables/rows", limit=1, **arguments))
            assert response.status_code in (200, 400), (arguments, response.text[:300])
            if response.status_code == 200 and operator != "<":
                assert "No row is like this" in response.text
    assert viewer.get(at("/tables/rows", table="wide", column=text, op="=", value="1")).status_code == 400
    assert viewer.get(at("/tables/rows", table="wide", column="id", op=text, value="1")).status_code == 400
    for name in ("table", "kind", "field", "run", "from", "to", "text", "after"):
        response = viewer.get(at("/changes/", **{name: text}))
        assert response.status_code in (200, 400), (name, response.text[:300])
    for key in (text, json.dumps([text]), json.dumps([[text]]), '["\\ud800"]'):
        assert viewer.get(at("/changes/row", table="wide", key=key)).status_code in (400, 404)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(site_tables.tables()["wide"])) == 40


def test_facets_count_the_other_values_too(viewer: Client) -> None:
    facets = viewer.get(at("/api/v1/tables/measure/counts", column="kind", op="=", value="bad")).json[
        "facets"
    ]
    kinds = next(one for one in facets if one["column"] == "kind")
    assert {one["value"]: one["rows"] for one in kinds["values"]} == {"fine": 12, "bad": 6, None: 6}
    page = viewer.text(at("/tables/facets", table="measure"))
    (link,) = re.findall(r'href="([^"]+)">bad<', page)
    assert viewer.text(unescape(link)).count("<tr>") == 1 + 6


def test_a_row_has_its_parent_and_its_children(viewer: Client) -> None:
    child = viewer.text(at("/changes/row", table="reading", key="[3]"))
    (link,) = re.findall(r'Belongs to.*?href="([^"]+)"', child, re.DOTALL)
    parent = viewer.text(unescape(link))
    assert "2026-11-01 / a/b / 1" in parent
    (everything,) = re.findall(r'href="([^"]+)">All of them', parent)
    assert "25 rows" in viewer.text(unescape(everything).replace("/tables/rows", "/tables/facets"))
    assert ">25<" in parent or ": 25" in parent


def test_a_row_of_another_program_has_its_bookkeeping(viewer: Client) -> None:
    gone = viewer.text(at("/changes/row", table="product", key='["P1"]'))
    assert "gone" in gone
    assert "never seen" in viewer.text(at("/changes/row", table="product", key='["P4"]'))
    assert "product_seen" not in viewer.text("/tables/")


def test_the_history_of_a_table_that_is_no_more(viewer: Client) -> None:
    page = harmless(viewer.text(at("/changes/row", table="removed_table", key='["B1"]')))
    assert "no such row today" in page
    (chart,) = re.findall(r'data-chart="([^"]+field=price)"', page)
    course = viewer.get(unescape(chart)).json
    assert course["series"] == {"price": [8.5, 7.25]}
    first = viewer.get(at("/api/v1/rows", table="removed_table", key='["B1"]', limit=3)).json
    assert first["values"] is None
    after = first["history"]["after"]
    rest = viewer.get(at("/api/v1/rows", table="removed_table", key='["B1"]', limit=3, after=after)).json
    kinds = [one["kind"] for page in (first, rest) for one in page["history"]["rows"]]
    assert kinds == ["gone", "changed", "changed", "created"]


def test_the_feed_finds_changes_by_each_filter(viewer: Client) -> None:
    def found(**arguments: Any) -> int:
        rows: list[Any] = viewer.get(at("/api/v1/changes", limit=500, **arguments)).json["rows"]
        return len(rows)

    odd = len(site_tables.KEYS) + len(TEXTS)
    assert found() == 4 + odd
    assert found(table="removed_table") == 4
    assert found(kind="gone") == 1
    assert found(field="price") == 2, "price inside of a value is no field"
    assert found(field=SCRIPT) == odd
    assert found(text="8.50") == 2
    assert found(text="b1") == 4, "the key, in upper or lower case"
    assert found(text='"with" quotes') == 0
    assert found(text=TEXTS["formula"]) == 1, "quotes are escaped in the history"
    assert found(**{"from": "2026-11-02", "to": "2026-11-04"}) == 2
    assert found(run=1_000_000) == 0
    harmless(viewer.text("/changes/?limit=500"))
    for one in viewer.get("/api/v1/changes?limit=500").json["rows"]:
        harmless(viewer.text(f"/changes/{one['id']}"))


def exported(viewer: Client, path: str, form: str, **arguments: Any) -> bytes:
    response = viewer.get(at(path, format=form, **arguments))
    assert response.status_code == 200, response.text
    assert re.fullmatch(r'attachment; filename="[\w.-]+"', response.headers["Content-Disposition"])
    return response.data


def test_a_spreadsheet_takes_no_cell_for_a_formula(viewer: Client) -> None:
    text = exported(viewer, "/tables/export", "csv", table=ODD).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(site_tables.KEYS) + len(TEXTS)
    by_key = {row["key"]: row for row in rows}
    for name in ("formula", "minus", "tab"):
        assert by_key[name]["text"] == f"'{TEXTS[name]}"
    assert by_key["long"]["text"] == TEXTS["long"]
    assert "'=1" in by_key
    changes = exported(viewer, "/changes/export", "csv", table=ODD).decode()
    assert not [
        cell
        for row in csv.reader(io.StringIO(changes, newline=""))
        for cell in row
        if cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    ]


def test_a_negative_number_stays_a_number(viewer: Client) -> None:
    text = exported(viewer, "/tables/export", "csv", table="wide", show=["small"], sort="small").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["small"]) for row in rows[:2]] == [-37.5, -35.5]


def test_an_export_has_the_filter_and_its_order(viewer: Client) -> None:
    arguments = {"sort": "kind", "order": "desc", "column": "number", "op": ">", "value": "1"}
    lines = exported(viewer, "/tables/export", "jsonl", table="measure", **arguments).splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["kind"] for row in rows] == ["fine"] * 6 + [None] * 6
    assert list(rows[0])[:3] == ["day", "place", "number"]


def test_parquet_keeps_the_types(viewer: Client, engine: Engine) -> None:
    data = exported(viewer, "/tables/export", "parquet", table="wide", gone="with")
    table = parquet.read_table(io.BytesIO(data))
    assert table.num_rows == 40
    row = {name: table.column(name)[3].as_py() for name in table.column_names}
    assert row["id"] == 3
    assert row["day"] == date(2026, 11, 2)
    assert row["last_seen_at"] == START + timedelta(days=2)
    assert isinstance(row["last_seen_at"], datetime)
    assert row["number 1"] == 3 / 7
    assert row["text 0"] == TEXTS["quote"]
    if engine.dialect.name != "sqlite":  # which has no decimals
        assert row["price"] == Decimal("1234567890123456.7891")
        assert row["small"] == Decimal("-3.50")
    digests = parquet.read_table(io.BytesIO(exported(viewer, "/tables/export", "parquet", table="file")))
    assert digests.column("digest")[0].as_py() == bytes(16)
    odd = parquet.read_table(io.BytesIO(exported(viewer, "/tables/export", "parquet", table=ODD)))
    assert max(len(one.as_py()) for one in odd.column("text")) > 5_000_000
    changes = parquet.read_table(io.BytesIO(exported(viewer, "/changes/export", "parquet", field="price")))
    assert changes.column("new").to_pylist() == ["8.50", "7.25"]
