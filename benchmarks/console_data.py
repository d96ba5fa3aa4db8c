"""A database of the size of some years: runs, changes, rows and requests, inserted by the database itself."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from models.change import key_hash, key_text
from models.run import scope_of

SPIDERS = 40


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many of each."""

    rows: int = 1_000_000
    changes: int = 5_000_000
    runs: int = 2_000
    requests: int = 1_000_000


def numbers(dialect: str, first: int, last: int) -> str:
    """Return a table expression ``numbers(n)`` of whole numbers."""
    if dialect == "postgresql":
        return f"generate_series({first}, {last}) AS numbers(n)"
    if dialect == "sqlite":
        return (
            f"(WITH RECURSIVE series(n) AS (VALUES({first}) UNION ALL SELECT n + 1 FROM series WHERE n < {last}) "
            "SELECT n FROM series) AS numbers"
        )
    return f"(SELECT seq AS n FROM seq_{first}_to_{last}) AS numbers"


@dataclass(frozen=True, kw_only=True)
class Words:
    """How a database writes some expressions."""

    pad: str
    digest16: str
    digest20: str
    earlier: str  # a datetime so many minutes ago


WORDS = {
    "postgresql": Words(
        pad="lpad(({})::text, 7, '0')",
        digest16="decode(md5(({})::text), 'hex')",
        digest20="decode(md5(({})::text) || '00000000', 'hex')",
        earlier="now() - interval '1 minute' * ({})",
    ),
    "mysql": Words(
        pad="LPAD({}, 7, '0')",
        digest16="UNHEX(MD5({}))",
        digest20="UNHEX(CONCAT(MD5({}), '00000000'))",
        earlier="UTC_TIMESTAMP(6) - INTERVAL ({}) MINUTE",
    ),
    "sqlite": Words(
        pad="printf('%07d', {})",
        digest16="randomblob(16)",
        digest20="randomblob(20)",
        earlier="strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ({}) || ' minutes')",
    ),
}


def fill(engine: Engine, sizes: Sizes) -> None:
    """Insert the rows of the sizes into an empty database with our tables."""
    dialect = {"mariadb": "mysql"}.get(engine.dialect.name, engine.dialect.name)
    with engine.begin() as connection:
        if dialect == "mysql":  # some million rows in one statement
            connection.execute(text("SET SESSION unique_checks = 0, foreign_key_checks = 0"))
        if dialect == "sqlite":
            connection.execute(text("PRAGMA cache_size = -400000"))
        _runs(connection, dialect, sizes)
        _books(connection, dialect, sizes)
        _changes(connection, dialect, sizes)
        _requests(connection, dialect, sizes)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("book", "row_change", "crawl_run", "crawl_request", "rejected_item"):
            analyze = "ANALYZE TABLE" if dialect == "mysql" else "ANALYZE"
            connection.execute(text(f"{analyze} {table}"))


def _runs(connection: Connection, dialect: str, sizes: Sizes) -> None:
    words = WORDS[dialect]
    scopes = [scope_of(f"spider{number}", {}) for number in range(SPIDERS)]
    minutes = words.earlier.format(f"({sizes.runs} - n) * 60")
    cases = " ".join(f"WHEN {number} THEN {_hex(dialect, scope)}" for number, scope in enumerate(scopes))
    counts = (
        '{"pages": {"done": 500}, "rows": {"book": 2500}, "rejected": {}, "changes": {"book/changed": 2500}, '
        '"coverage": {"book": {"description": 1.0}}}'
    )
    values = {
        "id": "n",
        "spider": joined(dialect, "'spider'", f"n % {SPIDERS}"),
        "arguments": "'{}'",
        "scope": f"CASE n % {SPIDERS} {cases} END",
        "started_at": minutes,
        "finished_at": minutes,
        "finish_reason": "'finished'",
        "start_read": "true" if dialect == "postgresql" else "1",
        "commits": "10",
        "verdict": "CASE WHEN n % 11 = 0 THEN 2 ELSE 0 END",
        "reasons": "CASE WHEN n % 11 = 0 THEN '[\"5 of 500 pages failed\"]' ELSE '[]' END",
        "counts": ":counts",
        "versions": ":versions",
        "host": "'host1'",
        "seconds": "60",
        "peak_memory": "100000000",
        "workers": "0",
    }
    source = numbers(dialect, 1, sizes.runs)
    _insert(connection, "crawl_run", values, source, counts=counts, versions='{"splashdown": "1"}')


def _books(connection: Connection, dialect: str, sizes: Sizes) -> None:
    words = WORDS[dialect]
    values = {
        "sku": joined(dialect, "'B'", words.pad.format("n")),
        "title": joined(dialect, "'A title of the number '", "n"),
        "author": joined(dialect, "'Author '", "n % 5000"),
        "category": joined(dialect, "'category'", "n % 30"),
        "price": "(n % 9000) / 100.0",
        "stock": "n % 50",
        "rating": "n % 5 + 1",
        "published": "'2020-01-01'",
        "description": "'A description of some words'",
        "url": joined(dialect, "'https://shop.example/books/'", "n"),
        "first_seen_at": words.earlier.format("100000"),
        "last_seen_at": words.earlier.format("n % 1000"),
        "run_id": f"{sizes.runs} - n % 20",
        "gone_at": f"CASE WHEN n % 50 = 0 THEN {words.earlier.format('n % 1000')} ELSE NULL END",
    }
    if dialect == "postgresql":
        values["published"] = "DATE '2020-01-01'"
    _insert(connection, "book", values, numbers(dialect, 1, sizes.rows))


def _insert(
    connection: Connection, table: str, values: dict[str, str], source: str, **parameters: str
) -> None:
    """Insert a row for each number; ``values`` are expressions by column."""
    statement = f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {source}"
    connection.execute(text(statement), parameters)


def _changes(connection: Connection, dialect: str, sizes: Sizes) -> None:
    words = WORDS[dialect]
    per_run = max(1, sizes.changes // sizes.runs)
    full = joined(dialect, "'[\"B'", words.pad.format(f"n % {sizes.rows} + 1"), "'\"]'")
    digest = words.digest16.format(full)
    if dialect == "sqlite":  # it has no hash function
        digest = f"CAST(substr({full} || '      ', 1, 16) AS BLOB)"
    divide = "DIV" if dialect == "mysql" else "/"
    values = {
        "id": "n",
        "run_id": f"(n - 1) {divide} {per_run} + 1",
        "at": words.earlier.format(f"({sizes.changes} - n) {divide} 60"),
        "table_name": "'book'",
        "key_hash": digest,
        "row_key": full,
        "kind": "'changed'",
        "fields": ":fields",
    }
    fields = '{"price": ["9.99", "8.99"], "stock": [5, 4]}'
    step = 1_000_000
    for first in range(1, sizes.changes + 1, step):
        last = min(first + step - 1, sizes.changes)
        _insert(connection, "row_change", values, numbers(dialect, first, last), fields=fields)
    # One row has a real history: the hash of its key is the one by which the console searches.
    row = key_text(("B0000001",))
    connection.execute(
        text("UPDATE row_change SET key_hash = :digest WHERE id % :rows = 0"),
        {"digest": key_hash(row), "rows": sizes.rows},
    )
    if dialect == "postgresql":
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('row_change', 'id'), :last)"), {"last": sizes.changes}
        )
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('crawl_run', 'id'), :last)"), {"last": sizes.runs}
        )


def _requests(connection: Connection, dialect: str, sizes: Sizes) -> None:
    words = WORDS[dialect]
    run = sizes.runs
    connection.execute(
        text(
            "UPDATE crawl_run SET unfinished = scope, finished_at = NULL, finish_reason = NULL, verdict = NULL "
            "WHERE id = :run"
        ),
        {"run": run},
    )
    values = {
        "run_id": str(run),
        "number": "n",
        "identity": words.digest20.format("n"),
        "url": joined(dialect, "'https://host'", "n % 200", "'.example/page/'", "n"),
        "request": "'{}'",
        "priority": "0",
        "position": "n",
        "depth": "1",
        "state": "CASE WHEN n % 1000 = 0 THEN 'failed' WHEN n % 3 = 0 THEN 'done' ELSE 'queued' END",
        "part": "0",
        "attempts": "0",
        "status": "CASE WHEN n % 3 = 0 THEN 200 ELSE NULL END",
        "settled_at": f"CASE WHEN n % 3 = 0 THEN {words.earlier.format('n % 100')} ELSE NULL END",
        "error": "CASE WHEN n % 1000 = 0 THEN 'HTTP 500' ELSE NULL END",
    }
    _insert(connection, "crawl_request", values, numbers(dialect, 1, sizes.requests))


def joined(dialect: str, *parts: str) -> str:
    """Return the expression of texts one after the other; a part in apostrophes is one, another is an expression."""
    texts = [part if part.startswith("'") else _text(dialect, part) for part in parts]
    return f"CONCAT({', '.join(texts)})" if dialect == "mysql" else f"({' || '.join(texts)})"


def _text(dialect: str, expression: str) -> str:
    return f"({expression})::text" if dialect == "postgresql" else f"({expression})"


def _hex(dialect: str, value: bytes) -> str:
    return f"decode('{value.hex()}', 'hex')" if dialect == "postgresql" else f"X'{value.hex()}'"
