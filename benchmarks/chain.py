"""Pages per second and CPU of whole crawls, from site to rows: ``scrapy crawl`` beside what people use instead.

python -m benchmarks.chain [DATABASE_URL ...] [--pages 200] [--rounds 3] [--rows 1 30] [--kinds data heavy tail]
                           [--playwright-python PROGRAM]

The contenders take turns in each round, each a process of its own:

    scrapy crawl        a spider of Splashdown with its full settings, own renderer, ``render(wait_for=)``
    scrapy-playwright   the same pages and rows, ``wait_for_selector``, a merge and a commit for each item
    plain Scrapy        the same URLs without rendering, a merge and a commit for each item
    bare Chromium       the limit: nothing but the pages, no rows (benchmarks.lean_cdp)

Figures leave out the start: they count from the page after the warm-up to the last commit. The start is shown apart:
seconds and CPU until the warm-up is over. A second line has the CPU of each part: ``crawl`` is Scrapy with its
pipelines (SQLite included, database servers not), ``renderer`` our renderer or the driver of Playwright, and the others
are processes of Chromium: ``browser``, ``pages``, ``network``, ``other``. Only figures of one run can be compared.
scrapy-playwright is kept out of the project (benchmarks.render says how to make an environment for it).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.chain_spiders import cpu_by_part
from benchmarks.product import Product, drop_table, make_table
from benchmarks.render import started, worker
from models.schema import upgrade
from models.session import make_engine
from renderer.chromium.process import find_chromium

SPIDERS = Path(__file__).parent / "chain_spiders.py"
OURS, LIMIT, PLAYWRIGHT, PLAIN = "scrapy crawl", "bare Chromium", "scrapy-playwright", "plain Scrapy"
WARM_UP = 5  # times the concurrency
PARTS = ("crawl", "renderer", "browser", "pages", "network", "other")
LEAST = 0.05  # milliseconds of a part that is shown
TIMEOUT = 600  # seconds that a crawl may take


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A crawl without its start, and its start."""

    pages_per_second: float
    parts_ms: dict[str, float]  # CPU a page, by part
    start_seconds: float = 0.0
    start_cpu: float = 0.0  # seconds

    @property
    def cpu_ms(self) -> float:
        return sum(self.parts_ms.values())


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of page, with so many rows a page, into one database."""

    site: str
    kind: str
    rows: int
    pages: int
    concurrency: int
    database: str

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "CHAIN_SITE": self.site,
            "CHAIN_KIND": self.kind,
            "CHAIN_PAGES": str(self.pages + self.warm_up),
            "CHAIN_ROWS": str(self.rows),
            "CHAIN_WARM_UP": str(self.warm_up),
            "CHAIN_CONCURRENCY": str(self.concurrency),
            "CHAIN_CHROMIUM": find_chromium(None, os.environ),
            "DATABASE_URL": self.database,
            "SPLASH_URL": "",
            "RENDERER_SLOTS": str(self.concurrency),
            "SPLASHDOWN_ENV_FILE": "",
        }

    @property
    def warm_up(self) -> int:
        return WARM_UP * self.concurrency


def measure_crawl(case: Case, *command: str) -> Measured:
    """Run a crawl that prints its figures after the warm-up and at its end.

    Raises:
        SystemExit: it printed none, or did not come to its end.
    """
    began = time.time()
    result = subprocess.run(
        command, env=case.environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith('{"time"')]
    if result.returncode or len(lines) != 2:
        raise SystemExit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stderr[-2000:]}")
    first, last = lines
    pages = last["pages"] - first["pages"]
    if pages != case.pages:
        raise SystemExit(f"{' '.join(command)}: {pages} of {case.pages} pages")
    return Measured(
        pages_per_second=pages / (last["time"] - first["time"]),
        parts_ms=between(first["cpu"], last["cpu"], pages),
        start_seconds=first["time"] - began,
        start_cpu=sum(first["cpu"].values()),
    )


def between(first: dict[str, float], last: dict[str, float], pages: int) -> dict[str, float]:
    """Return the milliseconds of CPU a page that each part used between two measurements in seconds."""
    # A process that has ended is in the time of its parent, so the sum stays right and a part may be below 0.
    return {part: 1000 * (last.get(part, 0.0) - first.get(part, 0.0)) / pages for part in {**first, **last}}


def crawl_ours(case: Case) -> Measured:
    engine = make_engine(case.database)
    upgrade(engine)
    drop_table(engine)
    make_table(engine)
    scrapy = (sys.executable, "-m", "scrapy", "crawl", "chain", "--fresh")
    measured = measure_crawl(case, *scrapy, "-s", "SPIDER_MODULES=benchmarks.chain_crawl")
    with Session(engine) as session:
        stored = session.scalar(select(func.count()).select_from(Product.table()))
    expected = (case.pages + case.warm_up) * case.rows
    if stored != expected:
        raise SystemExit(f"{stored} of {expected} rows are stored")
    drop_table(engine)
    engine.dispose()
    return measured


def crawl_others(how: str, python: str) -> Callable[[Case], Measured]:
    return lambda case: measure_crawl(case, python, str(SPIDERS), how, case.database)


def load_bare(case: Case) -> Measured:
    urls = [f"{case.site}/{case.kind}?{number}" for number in range(case.pages)]
    with worker(sys.executable, "-m", "benchmarks.lean_cdp", str(case.concurrency)) as (load, pid):
        load([f"{case.site}/{case.kind}?warm{number}" for number in range(case.warm_up)])
        process = psutil.Process(pid)
        before, began = cpu_by_part(process), time.perf_counter()
        good = load(urls)
        seconds, after = time.perf_counter() - began, cpu_by_part(process)
    if good != case.pages:
        raise SystemExit(f"bare Chromium: {good} of {case.pages} pages")
    return Measured(pages_per_second=case.pages / seconds, parts_ms=between(before, after, case.pages))


def report(case: Case, results: dict[str, list[Measured]]) -> None:
    """Print a line a contender: its figures, and those of ours in relation to them."""
    name = case.database.split(":")[0].split("+")[0]
    title = f"{case.kind}, {case.rows} rows a page, {name}"
    print(f"\n{title:<38} pages/s   CPU ms   start s  CPU s   ours: speed    CPU")
    mine = results[OURS]
    for contender, rounds in results.items():
        line = f"  {contender:<36}" + "".join(
            f"{median(getattr(r, figure) for r in rounds):{width}}"
            for figure, width in (
                ("pages_per_second", "8.1f"),
                ("cpu_ms", "9.1f"),
                ("start_seconds", "10.2f"),
                ("start_cpu", "7.2f"),
            )
        )
        if contender != OURS:
            pairs = list(zip(mine, rounds, strict=True))
            speed = median(m.pages_per_second / r.pages_per_second for m, r in pairs)
            line += f"   {speed:10.2f}x {median(m.cpu_ms / r.cpu_ms for m, r in pairs):5.2f}x"
        print(line)
        parts = {part: median(r.parts_ms.get(part, 0.0) for r in rounds) for part in PARTS}
        print("    " + ", ".join(f"{part} {ms:.1f}" for part, ms in parts.items() if ms > LEAST), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=200, help="a crawl, after its warm-up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 30])
    parser.add_argument("--kinds", nargs="+", default=["data", "heavy", "tail"])
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--playwright-python", metavar="PROGRAM")
    parser.add_argument("databases", nargs="*", metavar="DATABASE_URL")
    options = parser.parse_args()
    contenders: dict[str, Callable[[Case], Measured]] = {
        OURS: crawl_ours,
        LIMIT: load_bare,
        PLAIN: crawl_others("plain", sys.executable),
    }
    if options.playwright_python:
        contenders[PLAYWRIGHT] = crawl_others("playwright", options.playwright_python)
    else:
        print("without scrapy-playwright: --playwright-python names a Python that has it")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        process = stack.enter_context(started(sys.executable, "-m", "benchmarks.render_site"))
        assert process.stdout is not None
        site = f"http://127.0.0.1:{int(process.stdout.readline())}"
        servers = (os.environ.get(name) for name in ("TEST_MARIADB_URL", "TEST_POSTGRESQL_URL"))
        databases = options.databases or [f"sqlite:///{folder}/chain.db", *filter(None, servers)]
        for kind in options.kinds:
            for rows in options.rows:
                for database in databases:
                    case = Case(
                        site=site,
                        kind=kind,
                        rows=rows,
                        pages=options.pages,
                        concurrency=options.concurrency,
                        database=database,
                    )
                    results: dict[str, list[Measured]] = {name: [] for name in contenders}
                    for _ in range(options.rounds):
                        for name in random.sample(list(contenders), len(contenders)):
                            results[name].append(contenders[name](case))
                    report(case, results)


if __name__ == "__main__":
    main()
