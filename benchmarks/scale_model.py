"""What the frontier costs a database: bytes a request, pages that it reads, what a page writes, commits per second.

python -m benchmarks.scale_model sizes [--rows 200000]     bytes a row of crawl_request and of each index
python -m benchmarks.scale_model memory [--rows 200000]    the same with 16 MB of memory: when indexes do not fit
python -m benchmarks.scale_model page [--pages 100]        statements, rows and log of a page of a shared run
python -m benchmarks.scale_model commits [--seconds 5]     N writers: a row of the run, or a row of each partition

docs/scaling.md extrapolates from the results. The database servers are private: --databases mariadb postgresql.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.orm import Session

from benchmarks.private_databases import SERVERS, PrivateDatabase
from frontier.request_json import encode
from models import CrawlPartition, CrawlRequest, CrawlRun
from models.request import DONE, NewRequest, Settled, insert_new, lease, settle
from models.run import database_now, insert_run
from models.schema import upgrade
from models.session import make_engine
from models.worker import Tenure, hold_partitions
from tests.workers.workers import shared_site

PARTS = 64
TOGETHER = 500  # requests in a transaction
STEPS = 5  # lines of a filling
BILLION = 10**9
MEMORY = {"mariadb": ["--innodb-buffer-pool-size=16M"], "postgresql": ["-c", "shared_buffers=16MB"]}
WRITERS = (1, 2, 4, 8)


class Walker(Spider):
    name = "walker"

    def parse(self, response: Any) -> Iterator[Any]:
        yield from ()


def new_request(number: int, spider: Spider) -> NewRequest:
    """Return a request with a URL and arguments of usual lengths."""
    host = f"www.shop-{number % 5000:05}.example"
    url = f"https://{host}/catalogue/category-{number % 97:02}/product-{number:010}.html"
    request = Request(url, spider.parse, meta={"depth": 5})
    return NewRequest(
        number=number,
        identity=hashlib.sha1(url.encode(), usedforsecurity=False).digest(),
        url=url,
        request=encode(request, spider),
        priority=0,
        position=-number,
        depth=5,
        parent=number // 10,
        part=number % PARTS,
    )


def begin_run(engine: Engine) -> int:
    upgrade(engine)
    with Session(engine) as session, session.begin():
        run = insert_run(session, "walker", {}, database_now(session), partitions=PARTS)
        rows = [{"run_id": run.id, "part": part, "owner": "a" * 32, "commits": 0} for part in range(PARTS)]
        session.execute(insert(CrawlPartition), rows)
    return run.id


def sizes(engine: Engine) -> dict[str, int]:
    """Return the bytes of crawl_request without indexes, and of each of its indexes."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        if engine.dialect.name == "postgresql":
            rows = connection.execute(
                text(
                    "SELECT 'rows', pg_table_size('crawl_request') UNION ALL "
                    "SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index "
                    "WHERE indrelid = 'crawl_request'::regclass"
                )
            )
        else:
            connection.execute(text("ANALYZE TABLE crawl_request"))
            rows = connection.execute(
                text(
                    "SELECT index_name, stat_value * @@innodb_page_size FROM mysql.innodb_index_stats "
                    "WHERE table_name = 'crawl_request' AND stat_name = 'size' AND database_name = database()"
                )
            )
        return {str(name): int(size) for name, size in rows}


def reads(engine: Engine) -> int:
    """Return how many pages the server has read that were not in its memory."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
            query = "SELECT blks_read FROM pg_stat_database WHERE datname = current_database()"
            return int(connection.scalar(text(query)) or 0)
        query = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_reads'"
        return int(connection.execute(text(query)).one()[1])


def fill(database: PrivateDatabase, rows: int) -> None:
    """Discover requests, and then lease and finish them; print speed, reads and sizes."""
    engine = make_engine(database.url)
    run_id, spider = begin_run(engine), Walker()
    print(f"\n{database.name}: requests of {len(str(new_request(0, spider).request))} characters")
    print(f"{'':12} {'rows':>9} {'per second':>11} {'pages read/row':>15} {'size in MB':>11}")

    def line(what: str, number: int, began: float, reads_before: int) -> None:
        speed, read = rows // STEPS / (time.perf_counter() - began), reads(engine) - reads_before
        size = sum(sizes(engine).values()) / 2**20
        print(
            f"{what:12} {number:>9} {speed:>11,.0f} {read / (rows // STEPS):>15.3f} {size:>11.0f}", flush=True
        )

    for step in range(STEPS):
        began, before = time.perf_counter(), reads(engine)
        for first in range(rows // STEPS * step, rows // STEPS * (step + 1), TOGETHER):
            found = [new_request(number, spider) for number in range(first, first + TOGETHER)]
            with Session(engine) as session, session.begin():
                insert_new(session, run_id, found, lambda _: False, is_shared=True)
        line("discovered", rows // STEPS * (step + 1), began, before)
    queued = sizes(engine)
    for step in range(STEPS):
        began, before = time.perf_counter(), reads(engine)
        done = 0
        while done < rows // STEPS:
            with Session(engine) as session, session.begin():
                now = database_now(session)
                leased = lease(session, run_id, TOGETHER, now, parts=range(PARTS))
            with Session(engine) as session, session.begin():
                settle(
                    session,
                    run_id,
                    [Settled(number=one.number, state=DONE, status=200) for one in leased],
                    now,
                )
            done += len(leased)
        line("leased, done", rows // STEPS * (step + 1), began, before)
    ended = sizes(engine)
    print(f"{'':32} {'bytes/row':>10} {'when done':>10} {'GB of 10^9 done':>16}")
    for name, size in {"all": sum(ended.values()), **ended}.items():
        before = queued.get(name, sum(queued.values()))
        print(
            f"{name:32} {before / rows:>10.0f} {size / rows:>10.0f} {size / rows * BILLION / 1e9:>16.0f}",
            flush=True,
        )
    engine.dispose()


def counters(engine: Engine) -> Mapping[str, float]:
    """Return what the server has done until now."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
            row = connection.execute(
                text(
                    "SELECT d.xact_commit AS commits, d.tup_inserted AS inserted, d.tup_updated AS updated, "
                    "w.wal_bytes AS log_bytes "
                    "FROM pg_stat_database d, pg_stat_wal w WHERE d.datname = current_database()"
                )
            ).one()
            return {name: float(value) for name, value in row._mapping.items()}
        status = dict(connection.execute(text("SHOW GLOBAL STATUS")).all())  # type: ignore[arg-type]
        names = {
            "statements": "Questions",
            "selects": "Com_select",
            "commits": "Com_commit",
            "inserted": "Handler_write",
            "updated": "Handler_update",
            "log_bytes": "Innodb_os_log_written",
        }
        return {name: float(status[variable]) for name, variable in names.items()}


def page(database: PrivateDatabase, pages: int) -> None:
    """Crawl 20 hosts with so many pages each; print what the server did for a page."""
    print(f"\n{database.name}: a page with 2 rows and about 5 links, one of them new")
    for number in (1, 2, 4):
        with (
            tempfile.TemporaryDirectory() as folder,
            shared_site(database.url, Path(folder), hosts=20, pages=pages, LOG_LEVEL="ERROR") as workers,
        ):
            before = counters(workers.engine)
            for _ in range(number):
                workers.start()
            codes = workers.wait()
            after, done = counters(workers.engine), workers.done()
            with workers.engine.connect() as connection:
                reasons = connection.scalars(select(CrawlRun.reasons)).all()
            assert set(codes) == {0} and done == 20 * pages, (codes, done, reasons)
            each = ", ".join(f"{name} {(after[name] - before[name]) / done:.2f}" for name in after)
            print(f"{number} workers, a page: {each}", flush=True)


def write(url: str, run_id: int, number: int, part: int, seconds: float, done: Any) -> None:
    """Commit pages, each in a transaction of its own, and count them."""
    engine, spider = make_engine(url), Walker()
    tenure, count = Tenure(part, "a" * 32), 0
    until = time.monotonic() + seconds
    with Session(engine) as session:
        while time.monotonic() < until:
            with session.begin():
                hold_partitions(session, run_id, [tenure])
                request = new_request(number * 10**8 + count, spider)
                insert_new(session, run_id, [request], lambda _: True, is_shared=True)
                settled = update(CrawlRequest).where(
                    CrawlRequest.run_id == run_id, CrawlRequest.number == request.number - 1
                )
                session.execute(settled.values(state=DONE), execution_options={"synchronize_session": False})
            count += 1
    done.put(count)


def commits(database: PrivateDatabase, seconds: float) -> None:
    """Print the commits per second of N writers that lock one row, or each a row of its own."""
    print(f"\n{database.name}: commits/s")
    print(f"{'writers':>7} {'a row a run':>12} {'a row a partition':>18} {'times':>6}", flush=True)
    engine = make_engine(database.url)
    for writers in WRITERS:
        speeds = []
        for separate in (False, True):
            with engine.begin() as connection:
                connection.execute(text("DELETE FROM crawl_run")) if writers > 1 or separate else None
            run_id = begin_run(engine)
            done: Any = multiprocessing.Queue()
            processes = [
                multiprocessing.Process(
                    target=write,
                    args=(database.url, run_id, number, number if separate else 0, seconds, done),
                )
                for number in range(writers)
            ]
            engine.dispose()
            for one in processes:
                one.start()
            counts = [done.get() for _ in processes]
            for one in processes:
                one.join()
            speeds.append(sum(counts) / seconds)
        print(f"{writers:>7} {speeds[0]:>12.0f} {speeds[1]:>18.0f} {speeds[1] / speeds[0]:>6.2f}", flush=True)
    engine.dispose()


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["sizes", "memory", "page", "commits"])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--databases", nargs="+", choices=[*SERVERS], default=[*SERVERS])
    return parser


def main() -> None:
    options = make_parser().parse_args()
    for name in options.databases:
        with SERVERS[name](*(MEMORY[name] if options.part == "memory" else ())) as database:
            if options.part in ("sizes", "memory"):
                fill(database, options.rows)
            elif options.part == "page":
                page(database, options.pages)
            else:
                commits(database, options.seconds)


if __name__ == "__main__":
    main()
