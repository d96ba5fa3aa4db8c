"""The console on real sizes: how fast its first pages are while a crawl writes, and what its viewers cost the crawl.

python -m benchmarks.console pages [--databases sqlite mariadb postgresql] [--small] [--turns 20]
python -m benchmarks.console viewers [--viewers 50] [--seconds 60] [--rounds 3] [--databases mariadb]

``pages``: 1,000,000 rows, 5,000,000 changes, 2,000 runs and 1,000,000 requests; each page is loaded some times, one
after the other, while a crawl stores plain pages. ``viewers``: a crawl of a fixed number of pages, in turns with and
without viewers whose browsers have the run's page open: each keeps an event stream, which sends the parts of the page
that have changed. The database servers are private.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import requests
from sqlalchemy import Engine, func, select
from urllib3.exceptions import HTTPError

from benchmarks.console_data import Sizes, fill
from benchmarks.private_databases import SERVERS
from benchmarks.product import drop_table, make_table
from console.security.accounts import add_user, begin_session
from console.security.identity import COOKIE
from models import CrawlRun
from models.console_account import ADMIN
from models.request import DONE, CrawlRequest
from models.run import database_now
from models.schema import upgrade
from models.session import make_engine, make_sessions
from tests.processes import free_port

# First pages as a person opens them, with the filters that one would expect to be slow.
PAGES = {
    "today": "/",
    "runs": "/runs/",
    "runs, bad": "/runs/?verdict=bad",
    "run": "/runs/{run}",
    "changes": "/changes/",
    "changes of a table": "/changes/?table=book",
    "changes of a kind that has none": "/changes/?kind=gone",
    "changes of a run": "/changes/?run=1000",
    "changes with a text": "/changes/?text=B0000777",
    "a row and its history": "/changes/row?table=book&key=%5B%22B0000001%22%5D",
    "tables": "/tables/",
    "a table": "/tables/rows?table=book",
    "a table, sorted": "/tables/rows?table=book&sort=price&order=desc",
    "a table, a category": "/tables/rows?table=book&column=category&op=%3D&value=category7",
    "a table, gone rows": "/tables/rows?table=book&gone=only",
    "a table, a text": "/tables/rows?table=book&q=B0000777",
    "a table, its facets": "/tables/facets?table=book",
    "broken pages": "/pages/",
    "schedules": "/schedules/",
    "frontier": "/frontier/",
    "frontier of a run": "/frontier/{run}",
    "events": "/events/",
    "renderers": "/renderers/",
    "orders": "/orders/",
}


@contextmanager
def console_of(url: str) -> Iterator[tuple[str, int]]:
    """Run the console on a database; yield its URL and its process id."""
    port = free_port()
    environment = os.environ | {"DATABASE_URL": url, "SPLASHDOWN_ENV_FILE": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "console", "--no-browser", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            try:
                requests.get(f"{base}/login", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield base, process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def plain_site() -> Iterator[int]:
    """Run the site of plain pages; yield its port."""
    site = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.site"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert site.stdin is not None and site.stdout is not None
    try:
        yield int(site.stdout.readline())
    finally:
        site.stdin.close()
        site.wait(30)


def start_crawl(url: str, port: int, pages: int, *settings: str) -> subprocess.Popen[bytes]:
    """Start a crawl of plain pages into the database."""
    environment = os.environ | {
        "PORT": str(port),
        "PAGES": str(pages),
        "DATABASE_URL": url,
        "SPLASHDOWN_ENV_FILE": "",
    }
    options = [part for setting in ("SPIDER_MODULES=benchmarks.crawl", *settings) for part in ("-s", setting)]
    return subprocess.Popen(
        [sys.executable, "-m", "scrapy", "crawl", "tiny", "--fresh", *options], env=environment
    )


def log_in(engine: Engine) -> requests.Session:
    """Return an HTTP session of a new admin."""
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        user = add_user(session, f"bench{time.time_ns()}", ADMIN, now, password="not a hash")
        cookie = begin_session(session, user, "127.0.0.1", now)
    http = requests.Session()
    http.cookies.set(COOKIE, cookie)
    return http


def measure_pages(names: Sequence[str], sizes: Sizes, turns: int) -> None:
    """Print the time of each first page, median and longest, on each database."""
    for name in names:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = (
                f"sqlite:///{folder}/big.db" if name == "sqlite" else stack.enter_context(SERVERS[name]()).url
            )
            engine = make_engine(url)
            upgrade(engine)
            drop_table(engine)
            make_table(engine)
            began = time.monotonic()
            fill(engine, sizes)
            print(f"{name}: filled in {time.monotonic() - began:.0f} s", flush=True)
            port = stack.enter_context(plain_site())
            base, _ = stack.enter_context(console_of(url))
            http = log_in(engine)
            # Slow enough to last, and a writer all the time.
            crawl = start_crawl(url, port, 20_000, "DOWNLOAD_DELAY=0.02", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
            try:
                time.sleep(5)
                for title, path in PAGES.items():
                    times, status = [], 0
                    for _ in range(turns):
                        started = time.perf_counter()
                        answer = http.get(
                            base + path.format(run=sizes.runs), timeout=60, allow_redirects=False
                        )
                        times.append(time.perf_counter() - started)
                        status = answer.status_code
                    mark = "" if max(times) <= 0.3 else "   *** above 300 ms"
                    print(
                        f"{name:11} {title:32} {status} median {statistics.median(times) * 1000:6.0f} ms, "
                        f"first {times[0] * 1000:6.0f}, longest {max(times) * 1000:6.0f}{mark}",
                        flush=True,
                    )
                assert crawl.poll() is None, "the crawl ended before the measurement"
            finally:
                crawl.terminate()
                crawl.wait(60)
            engine.dispose()


def view(base: str, http: requests.Session, run: int, until: threading.Event, counted: list[int]) -> None:
    """Be a viewer of a run: keep its event stream, which sends the parts of the page that have changed.

    Viewers are on other machines. Here their threads have the lowest priority, to take little CPU from the crawl.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    try:
        with http.get(f"{base}/runs/{run}/stream", stream=True, timeout=30) as stream:
            for data in stream.raw.stream(2**16):
                if until.is_set():
                    return
                events = data.count(b"event: ")
                counted += [200] * data.count(b"event: changed") + [0] * (
                    events - data.count(b"event: changed")
                )
            counted.append(stream.status_code if stream.status_code != 200 else 0)  # the stream has ended
    except (requests.RequestException, HTTPError):
        if not until.is_set():
            counted.append(0)  # no answer


def measure_viewers(names: Sequence[str], viewers: int, seconds: float, rounds: int) -> None:
    """Print the speed and the CPU of a crawl with and without viewers, in turns, and the console's memory.

    The viewers are threads of this process, so their own CPU may slow the crawl, too.
    """
    for name in names:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder}/v.db" if name == "sqlite" else stack.enter_context(SERVERS[name]()).url
            engine = make_engine(url)
            upgrade(engine)
            port = stack.enter_context(plain_site())
            base, pid = stack.enter_context(console_of(url))
            server = max(
                psutil.Process(pid).children() or [psutil.Process(pid)], key=lambda one: one.memory_info().rss
            )
            http = log_in(engine)
            speeds: dict[bool, list[float]] = {True: [], False: []}
            cpus: dict[bool, list[float]] = {True: [], False: []}  # of the crawl, ms a page
            memory, newest = [], 0
            for number in range(2 * rounds):
                watched = number % 2 == 1
                drop_table(engine)
                make_table(engine)
                crawl = start_crawl(url, port, 100_000)
                run = newest = newest_run(engine, above=newest)
                until = threading.Event()
                counted: list[int] = []
                threads = [
                    threading.Thread(
                        target=view, args=(base, log_in(engine), run, until, counted), daemon=True
                    )
                    for _ in range(viewers if watched else 0)
                ]
                for thread in threads:
                    thread.start()
                time.sleep(6)
                process = psutil.Process(crawl.pid)
                first, at, used = done(engine, run), time.monotonic(), sum(process.cpu_times()[:2])
                busy = sum(server.cpu_times()[:2])
                time.sleep(seconds)
                pages, took = done(engine, run) - first, time.monotonic() - at
                busy = (sum(server.cpu_times()[:2]) - busy) / took
                speeds[watched].append(pages / took)
                cpus[watched].append((sum(process.cpu_times()[:2]) - used) * 1000 / pages)
                memory.append(server.memory_info().rss / 2**20)
                until.set()
                crawl.terminate()
                crawl.wait(60)
                for thread in threads:
                    thread.join(40)
                wrong = Counter(status for status in counted if status != 200)
                print(
                    f"{name}: {'with' if watched else 'without'} viewers {speeds[watched][-1]:.1f} pages/s, crawl "
                    f"{cpus[watched][-1]:.2f} ms of CPU a page, console {memory[-1]:.0f} MiB and {busy:.1%} of a "
                    f"core, {len(counted)} events, {wrong.total()} of them failed {dict(wrong) if wrong else ''}",
                    flush=True,
                )
            share = statistics.median(speeds[True]) / statistics.median(speeds[False])
            cpu = statistics.median(cpus[True]) / statistics.median(cpus[False])
            print(
                f"{name}: {viewers} viewers: {share:.3f} of the speed without, {cpu:.3f} of the crawl's CPU a page; "
                f"memory {memory}",
                flush=True,
            )
            http.close()
            engine.dispose()


def newest_run(engine: Engine, above: int) -> int:
    """Return the id of a run that has begun after the run with this id; wait for it."""
    for _ in range(300):
        with engine.connect() as connection:
            run = connection.scalar(select(func.max(CrawlRun.id)))
        if run is not None and run > above:
            return int(run)
        time.sleep(0.2)
    raise SystemExit("the crawl did not begin")


def done(engine: Engine, run: int) -> int:
    """Return how many requests of a run are done."""
    with engine.connect() as connection:
        return int(
            connection.scalar(
                select(func.count()).where(CrawlRequest.run_id == run, CrawlRequest.state == DONE)
            )
            or 0
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("pages", "viewers"))
    parser.add_argument("--databases", nargs="+", default=["sqlite", "mariadb", "postgresql"])
    parser.add_argument("--small", action="store_true", help="a hundredth of the sizes, to try the benchmark")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sizes = Sizes(rows=10_000, changes=50_000, requests=10_000) if options.small else Sizes()
    if options.what == "pages":
        measure_pages(options.databases, sizes, options.turns)
    else:
        measure_viewers(options.databases, options.viewers, options.seconds, options.rounds)


if __name__ == "__main__":
    main()
