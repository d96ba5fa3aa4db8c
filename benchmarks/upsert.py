"""Rows per second into each database: our writer, an ORM merge for each item, and the limit of the driver.

python -m benchmarks.upsert [--rows 100000] [--rounds 3] [--dlt PYTHON] [DATABASE_URL ...]

On a busy machine, compare the processor time for each row. ``--dlt`` names the Python of an environment that has dlt
(pip install dlt psycopg2-binary). Then dlt's merge into PostgreSQL is measured too: with prices as text, and without
our validation and history.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.orm import Session

from benchmarks.product import Product, drop_table, items, make_table
from crawler.page.commit import Commit, Committed
from crawler.page.row import row_of
from crawler.run.verdict import Ending
from models import CrawlRun
from models.run import claim_run, database_now
from models.schema import upgrade
from models.session import make_engine, make_sessions
from pipelines.storage.run_context import RunContext
from pipelines.storage.writer import Writer
from pipelines.validate import validated

ROWS_A_PAGE = 20
BATCH = 1000
PER_ITEM_ROWS = 3000  # rows of the per-item merge, which is slow
MOST_WAITING, FEWEST_WAITING = 12 * BATCH, 2 * BATCH  # the spider yields items while the database works


def ours(engine: Engine, number: int, second_pass: bool) -> None:
    """Store the items with validation, history and the writer."""
    sessions = make_sessions(engine)
    run = claim_run(sessions, "benchmark", {"pass": second_pass}, fresh=True)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[Exception] = loop.create_future()
        writer = Writer(
            sessions, RunContext(run=run), loop=loop, failed=failed.set_result, batch_weight=BATCH
        )
        writer.start()
        stored = 0

        def note_committed(committed: Committed) -> None:
            nonlocal stored
            stored += committed.stored

        page = []
        for item in items(number, second_pass):
            page.append(row_of(validated(item, Product), Product))
            if len(page) == ROWS_A_PAGE:
                writer.put(Commit(rows=tuple(page)), note_committed)
                page = []
                if writer.backlog > MOST_WAITING:
                    while writer.backlog > FEWEST_WAITING:  # noqa: ASYNC110 - a benchmark may poll
                        await asyncio.sleep(0.005)
        if page:
            writer.put(Commit(rows=tuple(page)), note_committed)
        await writer.finish(Ending(reason="finished", covered=False))
        if writer.error:
            raise writer.error
        await asyncio.sleep(0.05)
        assert stored == number, f"the writer stored {stored} of {number} rows"

    asyncio.run(work())


def per_item(engine: Engine, number: int, second_pass: bool) -> None:
    """Merge and commit each item, as most pipelines do."""
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        run = CrawlRun(spider="merge", arguments={}, scope=b"m" * 32, started_at=now)
        session.add(run)
        session.flush()
        run_id = run.id
    for item in items(number, second_pass):
        values = validated(item, Product)
        with Session(engine) as session:
            session.merge(Product(**values, first_seen_at=now, last_seen_at=now, run_id=run_id))
            session.commit()


def raw(engine: Engine, number: int, second_pass: bool) -> None:
    """Store the items with the bare driver, without validation and history: the limit.

    For each batch, one IN query reads the hashes, Python compares them, multi-row statements write the new and
    changed rows, and one statement marks the other rows as seen.
    """
    connection: Any = engine.raw_connection()
    cursor = connection.cursor()
    sqlite = engine.dialect.name == "sqlite"
    mark = "?" if sqlite else "%s"
    names = [*Product.fields()]
    columns = [*names, "content_hash", "first_seen_at", "last_seen_at", "run_id"]
    now = "2026-01-01 00:00:00"
    conflict = (
        "ON DUPLICATE KEY UPDATE " + ", ".join(f"{c}=VALUES({c})" for c in columns[1:])
        if engine.dialect.name == "mysql"
        else "ON CONFLICT (sku) DO UPDATE SET " + ", ".join(f"{c}=excluded.{c}" for c in columns[1:])
    )
    values = ", ".join([mark] * len(columns))
    insert = f"INSERT INTO benchmark_product ({', '.join(columns)}) VALUES ({values}) {conflict}"
    if sqlite:
        cursor.execute("BEGIN")
    cursor.execute(
        "INSERT INTO crawl_run (spider, arguments, scope, started_at, start_read, commits) VALUES "
        f"('raw', '{{}}', {mark}, '{now}', {'false' if not sqlite else 0}, 0)",
        (os.urandom(32),),
    )
    cursor.execute("SELECT max(id) FROM crawl_run")
    run_id = cursor.fetchone()[0]
    connection.commit()
    for batch in batches_of(items(number, second_pass)):
        rows = {}
        for item in batch:
            item["price"] = item["price"][1:]
            row = tuple(item.values())
            rows[item["sku"]] = (row, hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
        if sqlite:
            cursor.execute("BEGIN")
        keys = list(rows)
        cursor.execute(
            f"SELECT sku, content_hash FROM benchmark_product WHERE sku IN ({', '.join([mark] * len(keys))})",
            keys,
        )
        known = {sku: bytes(digest) for sku, digest in cursor.fetchall() if digest is not None}
        same = [sku for sku, (_, digest) in rows.items() if known.get(sku) == digest]
        other = [
            (*values, digest, now, now, run_id)
            for sku, (values, digest) in rows.items()
            if known.get(sku) != digest
        ]
        if other:
            cursor.executemany(insert, other)
        if same:
            cursor.execute(
                f"UPDATE benchmark_product SET last_seen_at = '{now}', run_id = {run_id} WHERE sku IN "
                f"({', '.join([mark] * len(same))})",
                same,
            )
        connection.commit()
    connection.close()


def batches_of(found: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch = []
    for item in found:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


WAYS: dict[str, Callable[[Engine, int, bool], None]] = {"raw limit": raw, "ours": ours, "per item": per_item}


def dlt_merge(python: str, url: URL, rows: int) -> tuple[float, float]:
    """Return the rows per second of dlt's merge in the two passes."""
    # dlt requires a password, also for a server that does not ask for one.
    plain = url.set(drivername="postgresql", password=url.password or "none")
    script = Path(__file__).with_name("dlt_merge.py")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("1.jsonl", "2.jsonl")]
        for second_pass, file in enumerate(files):
            with file.open("w") as lines:
                for item in items(rows, bool(second_pass)):
                    lines.write(json.dumps(item | {"price": item["price"][1:]}) + "\n")
        done = subprocess.run(
            [python, script, plain.render_as_string(hide_password=False), *files],
            env={"PATH": os.environ["PATH"], "RUNTIME__DLTHUB_TELEMETRY": "false"},
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    first, second = map(float, done.stdout.split())
    return rows / first, rows / second


def measure(url: URL, rows: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the rows per second of each way in the two passes, in its best round. The ways take turns in a round."""
    engine = make_engine(url.render_as_string(hide_password=False))
    upgrade(engine)
    best = {name: [(0.0, 0.0), (0.0, 0.0)] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            drop_table(engine)
            make_table(engine)
            number = min(rows, PER_ITEM_ROWS) if name == "per item" else rows
            for second_pass in (False, True):
                began, worked = time.perf_counter(), time.process_time()
                way(engine, number, second_pass)
                speed = number / (time.perf_counter() - began)
                busy = (time.process_time() - worked) / number * 1e6
                best[name][second_pass] = max(best[name][second_pass], (speed, busy))
    for name, ((first, first_busy), (second, second_busy)) in best.items():
        print(
            f"  {name:9}  {first:9,.0f} / {second:9,.0f}    "
            f"processor {first_busy:7,.1f} / {second_busy:7,.1f} us for each row",
            flush=True,
        )
    drop_table(engine)
    engine.dispose()
    return {name: (first, second) for name, ((first, _), (second, _)) in best.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument(
        "--rounds", type=int, default=3, help="number of rounds; the best one counts (default: %(default)s)"
    )
    parser.add_argument("--dlt", metavar="PYTHON")
    parser.add_argument("databases", nargs="*")
    options = parser.parse_args()
    gc.freeze()  # as a crawl does when it begins
    with tempfile.TemporaryDirectory() as folder:
        urls = options.databases or [
            f"sqlite:///{folder}/benchmark.db",
            *(os.environ[name] for name in ("TEST_MARIADB_URL", "TEST_POSTGRESQL_URL") if name in os.environ),
        ]
        print(f"{options.rows:,} rows, rows per second: pass 1 (all new) / pass 2 (a tenth changed)")
        for url in map(make_url, urls):
            print(url.get_backend_name(), flush=True)
            speeds = measure(url, options.rows, options.rounds)
            limit, mine, slow = speeds["raw limit"], speeds["ours"], speeds["per item"]
            print(
                f"  ours to the raw limit: {mine[0] / limit[0]:.2f} / {mine[1] / limit[1]:.2f}; "
                f"to per item: {mine[0] / slow[0]:.1f} / {mine[1] / slow[1]:.1f}",
                flush=True,
            )
            if url.get_backend_name() != "postgresql":
                continue
            if options.dlt:
                first, second = dlt_merge(options.dlt, url, options.rows)
                print(f"  dlt merge  {first:9,.0f} / {second:9,.0f}", flush=True)
            else:
                print("  dlt merge  not measured: name a Python that has dlt with --dlt", flush=True)


if __name__ == "__main__":
    main()
