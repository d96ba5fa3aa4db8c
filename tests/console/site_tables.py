"""Tables that nobody of this project wrote, with rows that no table should have, for the console's tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Date,
    Engine,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
    inspect,
)

from console.queries import facets, sites
from models import CrawlRun, RowChange
from models.change import key_hash, key_text
from models.run import database_now, scope_of
from models.session import make_sessions
from models.types import Digest, ExactNumeric, ExactString, LongText, UtcDateTime

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
ODD = "odd \"name\" 'of' `a` табл ⚑ 100%"  # 33 characters
SCRIPT = "<script>alert(1)</script>"
TEXTS = {
    "script": f"{SCRIPT}<img src=x onerror=alert(2)>",
    "terminal": "\x1b[31mred\x1b]0;title\x07",
    "right to left": "\u202egnp.exe \u2066abc\u2069",
    "quote": "' OR 1=1; DROP TABLE book; -- \" ` %s %(x)s :x ?",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "minus": "-2+3+cmd|' /C calc'!A0",
    "tab": "\t=1+1",
    "long": "x" * 5_000_000 + "end",
    "template": "{{ 7*7 }} {% for x in () %} ${7*7}",
    "url": "javascript:alert(3)",
    "lines": "a\r\nSet-Cookie: x=y\r\n\r\nb",
}
KEYS = [
    "a/b",
    "?x=1&y=2",
    "#top",
    "100%",
    "%2F%00",
    "a\nb",
    "..",
    " ",
    "'",
    '"',
    "[1]",
    "ключ",
    "\u202e",
    "=1",
    "a+b",
]


def bookkeeping() -> list[Column[Any]]:
    """Return the columns that each table of a site has."""
    return [
        Column("first_seen_at", UtcDateTime, nullable=False),
        Column("last_seen_at", UtcDateTime, nullable=False),
        Column("run_id", ForeignKey("crawl_run.id"), nullable=False),
        Column("gone_at", UtcDateTime),
        Column("content_hash", Digest(16)),
    ]


def tables() -> dict[str, Table]:
    """Return new tables: an odd name, 60 columns, a key of three parts with children, a key of bytes."""
    metadata = MetaData()
    CrawlRun.__table__.to_metadata(metadata)
    odd = Table(
        ODD,
        metadata,
        Column("key", ExactString(60), primary_key=True),
        Column(SCRIPT, ExactString(60)),
        Column("n" * 60, ExactString(60)),
        Column("100% of: it", Integer),
        Column("text", LongText()),
        Column("page_url", ExactString(500)),
        *bookkeeping(),
    )
    wide = Table(
        "wide",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        *(Column(f"text {n}", ExactString(80)) for n in range(28)),
        *(Column(f"number {n}", Float(53)) for n in range(28)),
        Column("price", ExactNumeric(20, 4)),
        Column("small", ExactNumeric(10, 2)),
        Column("day", Date),
        Column("long", Text),
        *bookkeeping(),
    )
    measure = Table(
        "measure",
        metadata,
        Column("day", Date, primary_key=True),
        Column("place", ExactString(40), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("kind", ExactString(20)),
        Column("value", ExactNumeric(12, 3)),
        *bookkeeping(),
    )
    reading = Table(
        "reading",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("day", Date, nullable=False),
        Column("place", ExactString(40), nullable=False),
        Column("number", Integer, nullable=False),
        *bookkeeping(),
        ForeignKeyConstraint(["day", "place", "number"], ["measure.day", "measure.place", "measure.number"]),
    )
    # A table of another program, and our bookkeeping beside it.
    product = Table(
        "product",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("sku", ExactString(20), unique=True, nullable=False),
        Column("unit price", ExactNumeric(10, 2)),
    )
    product_seen = Table(
        "product_seen",
        metadata,
        Column("sku", ExactString(20), primary_key=True),
        *bookkeeping(),
        Column("stored_hash", Digest(16)),
    )
    blob = Table(
        "file",
        metadata,
        Column("digest", Digest(16), primary_key=True),
        Column("name", ExactString(80)),
        *bookkeeping(),
    )
    return {
        "odd": odd,
        "wide": wide,
        "measure": measure,
        "reading": reading,
        "file": blob,
        "product": product,
        "product_seen": product_seen,
    }


def drop(engine: Engine) -> None:
    """Drop the tables, and forget what the console knew of them."""
    metadata = next(iter(tables().values())).metadata
    with engine.begin() as connection:
        there = set(inspect(connection).get_table_names())
        for table in reversed(metadata.sorted_tables):
            if table.name != "crawl_run" and table.name in there:
                table.drop(connection)
    forget(engine)


def forget(engine: Engine) -> None:
    """Forget what the console knows of the tables of a database."""
    sites.forget(engine)
    facets.forget(engine)


def make(engine: Engine) -> dict[str, Table]:
    """Create the tables with their rows; return them."""
    drop(engine)
    made = tables()
    made["odd"].metadata.create_all(engine)
    number = add_run(engine)
    seen = {"first_seen_at": START, "last_seen_at": START + timedelta(days=2), "run_id": number}
    days = [date(2026, 11, day) for day in (1, 2)]
    keys = [*KEYS, *TEXTS]
    with engine.begin() as connection:
        connection.execute(
            made["odd"].insert(),
            [
                {
                    "key": key,
                    SCRIPT: TEXTS.get(key, key)[:60],
                    "n" * 60: TEXTS.get(key, key)[:60],
                    "100% of: it": place,
                    "text": TEXTS.get(key, key),
                    "page_url": TEXTS["url"] if key == "url" else f"https://shop.example/{place}",
                    **seen,
                    "gone_at": START if key == "gone" else None,
                }
                for place, key in enumerate(keys)
            ],
        )
        connection.execute(
            made["wide"].insert(),
            [
                {
                    "id": n,
                    **{f"text {m}": TEXTS["quote"] if m == 0 else f"value {n % 3}" for m in range(28)},
                    **{f"number {m}": n / 7 if m else None for m in range(28)},
                    "price": "1234567890123456.7891" if n else None,
                    "small": f"-{n}.50" if n % 2 else None,
                    "day": days[n % 2],
                    "long": TEXTS["script"],
                    **seen,
                    "gone_at": START if n % 10 == 9 else None,
                }
                for n in range(40)
            ],
        )
        connection.execute(
            made["measure"].insert(),
            [
                {
                    "day": day,
                    "place": place,
                    "number": n,
                    "kind": None if n == 2 else "fine" if n else "bad",
                    "value": f"{n}.125" if n else None,
                    **seen,
                    "gone_at": None,
                }
                for day in days
                for place in ("a/b", "böe %", "x\ny")
                for n in range(4)
            ],
        )
        connection.execute(
            made["reading"].insert(),
            [
                {"id": n, "day": days[0], "place": "a/b", "number": 1, **seen, "gone_at": None}
                for n in range(25)
            ],
        )
        connection.execute(
            made["product"].insert(), [{"sku": f"P{n}", "unit price": f"{n}.25"} for n in range(5)]
        )
        connection.execute(
            made["product_seen"].insert(),
            [{"sku": f"P{n}", **seen, "gone_at": START if n == 1 else None} for n in range(4)],
        )
        connection.execute(
            made["file"].insert(),
            [
                {"digest": bytes([n]) * 16, "name": f"file {n}", **seen, "gone_at": None}
                for n in (0, 1, 39, 127, 128, 255)
            ],
        )
    return made


def add_run(engine: Engine) -> int:
    """Insert a run; return its id."""
    with make_sessions(engine).begin() as session:
        run = CrawlRun(
            spider="odd",
            arguments={},
            scope=scope_of("odd", {}),
            started_at=START,
            finished_at=database_now(session),
        )
        session.add(run)
        session.flush()
        return run.id


def add_history(engine: Engine) -> None:
    """Insert changes of the rows of an odd table, and of a table that is no more."""
    run = add_run(engine)
    day = timedelta(days=1)
    history = [
        (["B1"], "created", None, START),
        (["B1"], "changed", {"price": ["9.99", "8.50"], "note": [None, "x"]}, START + day),
        (["B1"], "changed", {"price": ["8.50", "7.25"], "tags": [["a"], {"price": ["x"]}]}, START + 2 * day),
        (["B1"], "gone", None, START + 3 * day),
    ]
    add_changes(engine, run, "removed_table", history)
    add_changes(
        engine,
        run,
        ODD,
        [
            (
                [key],
                "changed",
                {
                    "text": [TEXTS.get(key, key), "\ud800 and more"],
                    SCRIPT: [SCRIPT, None],
                    "100% of: it": [5, 7],
                },
                START + 4 * day,
            )
            for key in [*KEYS, *TEXTS]
        ],
    )


def add_changes(
    engine: Engine,
    run_id: int,
    table: str,
    changes: Iterable[tuple[Sequence[Any], str, Mapping[str, Sequence[Any]] | None, datetime]],
) -> None:
    """Insert changes: the key, the kind, the fields and the time of each."""
    with make_sessions(engine).begin() as session:
        for key, kind, fields, at in changes:
            written = key_text(tuple(key))
            session.add(
                RowChange(
                    run_id=run_id,
                    at=at,
                    table_name=table,
                    key_hash=key_hash(written),
                    row_key=written,
                    kind=kind,
                    fields=None if fields is None else {name: list(pair) for name, pair in fields.items()},
                )
            )
            session.flush()
