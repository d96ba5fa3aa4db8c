"""Workers of a shared run: pages per second, and CPU seconds a page of the workers and of the database.

python -m benchmarks.workers waiting cpu [--workers 1 2 4 8] [--seconds 30] [--databases mariadb postgresql]
python -m benchmarks.workers one [--pages 4000] [--turns 5] [--before FOLDER]

``waiting``: 200 hosts with a delay of 1 s between two requests and answers that take 1 s, and workers with 8 requests
at a time. So a worker gets at most 8 pages a second, and N workers should get N times as much.
``cpu``: the same hosts without a delay, so that the CPU is the limit. ``one``: a crawl with --shared and one without,
in turns, and with --before one of another checkout, which has a .venv of its own.

The database servers are private. Pages are counted in the database, and CPU in the processes, from the time on at which
all workers have their share until --seconds later. A machine is not always equally fast, so ``of workers`` divides the
database's CPU by the CPU of the workers.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import scrapy
from sqlalchemy import Engine, func, select, text

from benchmarks.crawl import TinySpider
from benchmarks.private_databases import SERVERS, PrivateDatabase
from benchmarks.product import drop_table, make_table
from models import CrawlPartition, CrawlRun, CrawlWorker
from models.schema import upgrade
from models.session import make_engine

HOSTS = 200
PLACES = 8  # requests of a worker at a time, where the delay is the limit
WARM_UP = 8.0  # seconds from an even share to the measurement
PATIENCE = 180.0  # seconds until all workers have their share
SETTINGS = {"DOWNLOAD_DELAY": "0", "CONCURRENT_REQUESTS": "16", "CONCURRENT_REQUESTS_PER_DOMAIN": "4"}
SITUATIONS: dict[str, dict[str, str]] = {
    "waiting": SETTINGS
    | {"DOWNLOAD_DELAY": "1", "CONCURRENT_REQUESTS": str(PLACES), "CONCURRENT_REQUESTS_PER_DOMAIN": "1"},
    "cpu": SETTINGS,
}
STORE_ONLY = {"DOWNLOAD_DELAY": "3600"}  # of the process that reads start() before the measurement
PAGES_A_SECOND = {"waiting": PLACES, "cpu": 2000}  # that a worker gets at most: so many pages must be queued


class ManyHostsSpider(TinySpider):
    """Requests the pages of the hosts in turn."""

    name = "hosts"

    async def start(self) -> AsyncIterator[Any]:
        for number in range(int(os.environ["PAGES"])):
            host = number % HOSTS
            yield scrapy.Request(
                f"http://127.0.{2 + host // 100}.{1 + host % 100}:{os.environ['PORT']}/{number}"
            )


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a number of workers did."""

    workers: int
    pages: float  # a second
    worker_cpu: float  # seconds a page
    database_cpu: float


@contextmanager
def site(address: str, seconds: float = 0.0) -> Iterator[int]:
    """Yield the port of the site."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.site", address, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def empty(engine: Engine) -> None:
    """Leave the tables without rows."""
    upgrade(engine)
    drop_table(engine)
    make_table(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # after a DELETE autovacuum would work during the measurement
            connection.execute(text("TRUNCATE crawl_run, row_change CASCADE"))
        else:
            for table in ("rejected_item", "row_change", "crawl_run"):
                connection.execute(text(f"DELETE FROM {table}"))


def start_worker(
    database: str, port: int, pages: int, settings: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    options = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
    with log.open("ab") as output:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "scrapy", "crawl", "hosts", "--shared"),
                *("-s", "SPIDER_MODULES=benchmarks.workers", "-s", "RANDOMIZE_DOWNLOAD_DELAY=0", *options),
            ],
            env=os.environ
            | {"PORT": str(port), "PAGES": str(pages), "DATABASE_URL": database, "SPLASHDOWN_ENV_FILE": ""},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def share_is_even(engine: Engine, workers: int) -> bool:
    """Return whether all workers have the same number of partitions, and have committed pages."""
    with engine.connect() as connection:
        owners = Counter(connection.scalars(select(CrawlPartition.worker)))
        begun = connection.scalar(
            select(func.count()).where(
                CrawlWorker.pages > 0, CrawlWorker.left_at.is_(None), CrawlWorker.number > 0
            )
        )
    return (
        None not in owners
        and len(owners) == begun == workers
        and max(owners.values()) - min(owners.values()) < 2
    )


def store_requests(database: str, engine: Engine, port: int, pages: int, log: Path) -> None:
    """Store the requests of start() by a worker that is killed then."""
    process = start_worker(database, port, pages, SETTINGS | STORE_ONLY, log)
    try:
        until, is_read = time.monotonic() + PATIENCE, False
        while not is_read:
            assert time.monotonic() < until and process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.2)  # between two looks
            with engine.connect() as connection:
                is_read = bool(connection.scalar(select(CrawlRun.start_read)))
    finally:
        process.kill()
        process.wait()


def pages_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(select(func.sum(CrawlWorker.pages))) or 0)


def cpu_of(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    return sum(sum(psutil.Process(one.pid).cpu_times()[:2]) for one in processes)


def measure(database: PrivateDatabase, workers: int, seconds: float, situation: str, port: int) -> Speed:
    """Measure so many workers for so many seconds."""
    engine = make_engine(database.url)
    empty(engine)
    # While the last workers start, the first ones crawl already.
    each = PAGES_A_SECOND[situation] * (workers if situation == "waiting" else 1)
    pages = int(each * (seconds + 30 + 3 * workers)) + 10 * HOSTS
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "workers.log"
        try:
            store_requests(database.url, engine, port, pages, log)
            for _ in range(workers):
                processes.append(start_worker(database.url, port, pages, SITUATIONS[situation], log))
            until = time.monotonic() + PATIENCE
            while not share_is_even(engine, workers):
                is_alive = all(one.poll() is None for one in processes)
                assert time.monotonic() < until and is_alive, log.read_text()[-2000:]
                time.sleep(0.2)  # between two looks
            time.sleep(WARM_UP)
            begun = time.perf_counter(), pages_of(engine), cpu_of(processes), database.cpu()
            time.sleep(seconds)
            ended = time.perf_counter(), pages_of(engine), cpu_of(processes), database.cpu()
            assert all(one.poll() is None for one in processes), "the run ended too early: more pages"
        finally:
            for one in processes:
                one.send_signal(signal.SIGKILL)
                one.wait()
            engine.dispose()
    took, done, worker_cpu, database_cpu = (
        after - before for before, after in zip(begun, ended, strict=True)
    )
    return Speed(
        workers=workers,
        pages=done / took,
        worker_cpu=worker_cpu / done,
        database_cpu=database_cpu / done,
    )


def compare(database: PrivateDatabase, numbers: Sequence[int], seconds: float, situation: str) -> None:
    """Print a line for each number of workers, beside the first."""
    print(f"\n{situation}, {database.name}: {HOSTS} hosts, {SITUATIONS[situation]}", flush=True)
    print(
        f"{'workers':>7} {'pages/s':>8} {'times the first':>16} {'of N':>5} {'worker ms/page':>15} ", end=""
    )
    print(f"{'database ms/page':>17} {'of the first':>12} {'of workers':>10}")
    first: Speed | None = None
    with site("0.0.0.0", 1.0 if situation == "waiting" else 0.0) as port:
        for number in numbers:
            one = measure(database, number, seconds, situation, port)
            first = first or one
            times = one.pages / first.pages
            print(
                f"{number:>7} {one.pages:>8.1f} {times:>16.2f} {times * first.workers / number:>5.2f} "
                f"{one.worker_cpu * 1000:>15.2f} {one.database_cpu * 1000:>17.2f} "
                f"{one.database_cpu / first.database_cpu:>12.2f} {one.database_cpu / one.worker_cpu:>10.3f}",
                flush=True,
            )


ONE = """
import sys
from benchmarks.crawl import crawl_into_database
print("speed", crawl_into_database(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def one_worker(database: PrivateDatabase, pages: int, turns: int, before: Path | None) -> None:
    """Crawl with one process in turns: with --shared, without, and by the other checkout; print pages per second."""
    here = Path(__file__).resolve().parent.parent
    ways = {"without --shared": (here, {}), "with --shared": (here, {"RUN_SHARED": "1"})}
    if before is not None:
        ways = {"before": (before, {})} | ways
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    with site("127.0.0.1") as port:
        for turn in range(turns + 1):  # the first is not counted
            for name, (folder, settings) in ways.items():
                url = database.url if folder == here else other_database(database)
                before_cpu = cpu_of_children(), database.cpu()
                done = subprocess.run(
                    [folder / ".venv/bin/python", "-c", ONE, url, str(port), str(pages)],
                    cwd=folder,
                    env=os.environ | settings,
                    check=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                cpu = cpu_of_children() - before_cpu[0], database.cpu() - before_cpu[1]
                if turn:
                    each = cpu[0] * 1000 / pages, cpu[1] * 1000 / pages
                    found[name].append((float(done.stdout.split()[-1]), *each))
    print(
        f"\none process, {database.name}: {pages} pages, {turns} turns, medians; the CPU has the start in it"
    )
    print(
        f"{'':18} {'pages/s':>8} {'lowest':>7} {'highest':>7} {'CPU ms/page':>12} {'database ms/page':>17}",
        end="",
    )
    print(f" {'CPU of ' + next(iter(ways)):>22}")
    base = statistics.median(cpu for _, cpu, _ in found[next(iter(ways))])
    for name, results in found.items():
        speeds, cpus, database_cpus = zip(*results, strict=True)
        cpu_median = statistics.median(cpus)
        print(
            f"{name:18} {statistics.median(speeds):>8.1f} {min(speeds):>7.1f} {max(speeds):>7.1f} {cpu_median:>12.2f} "
            f"{statistics.median(database_cpus):>17.2f} {cpu_median / base:>22.3f}",
            flush=True,
        )


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def other_database(database: PrivateDatabase) -> str:
    """Return the URL of a second database in the server: the other checkout has other tables."""
    url = database.url.rpartition("/")[0] + "/before"
    engine = make_engine(database.url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if database.name == "MariaDB":
            connection.execute(text("CREATE DATABASE IF NOT EXISTS `before` CHARACTER SET utf8mb4"))
        elif not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = 'before'")):
            connection.execute(text("CREATE DATABASE before"))
    engine.dispose()
    return url


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--databases", nargs="+", choices=[*SERVERS], default=[*SERVERS])
    parser.add_argument("--pages", type=int, default=4000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--before", type=Path)
    parser.add_argument("parts", nargs="+", choices=[*SITUATIONS, "one"])
    return parser


def main() -> None:
    options = make_parser().parse_args()
    for name in options.databases:
        with ExitStack() as stack:
            database = stack.enter_context(SERVERS[name]())
            for part in options.parts:
                if part == "one":
                    one_worker(database, options.pages, options.turns, options.before)
                else:
                    compare(database, options.workers, options.seconds, part)


if __name__ == "__main__":
    main()
