"""CPU of the start of a crawl and of each page outside the renderer, beside those of an earlier checkout.

python -m benchmarks.startup [--earlier FOLDER] [--pages 200] [--rounds 5] [--measures list plain rendered]

    scrapy list          CPU and seconds of the command
    to the first request CPU and seconds of `scrapy crawl` until it asks the spider for requests
    crawl of one page    CPU and seconds of `scrapy crawl` from its start to its end
    a plain page         CPU that a page with 30 rows adds to a crawl into SQLite
    a rendered page      the same; the renderer is a process of its own and its CPU is not counted

CPU is that of the crawl and of all processes that it waited for. The CPU of a page is the difference between crawls of
N and of 2N pages, divided by N. The checkouts take turns, so that both have the same load from other programs; the
ratio is the median of the ratios of the rounds. FOLDER runs with the packages of this checkout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.render import started
from benchmarks.site import ROWS

HERE = Path(__file__).parent.parent
SPIDER = Path(__file__).parent / "startup_spider.py"
TIMEOUT = 600  # seconds that a command may take

Figures = dict[str, float]  # by the name of the measure, in ms


@dataclass(frozen=True, kw_only=True)
class Place:
    """What all measures share: the folder of the spider and of the databases, and the servers."""

    folder: Path
    site: str
    renderer: str


@dataclass(frozen=True, kw_only=True)
class Used:
    """CPU and time of one command, in seconds, and what it printed."""

    cpu: float
    seconds: float
    output: str


class Checkout:
    """A folder with the code of Splashdown."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.place = folder.resolve(), place
        self.database = place.folder / f"{abs(hash(self.folder))}.db"
        self.run("migrate")

    def run(self, *command: str, pages: int = 0, rendered: bool = False) -> Used:
        """Run a command of Scrapy.

        Raises:
            SystemExit: its exit code is not 0; the message has the end of its log.
        """
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "LOG_LEVEL": "INFO",
            "PYTHONPATH": f"{self.folder}{os.pathsep}{self.place.folder}",  # before the editable install
            "SPLASH_URL": self.place.renderer if rendered else "",
            "SPLASHDOWN_ENV_FILE": "",
            "STARTUP_PAGES": str(pages),
            "STARTUP_RENDERED": "1" if rendered else "0",
            "STARTUP_SITE": self.place.site,
        }
        log = self.place.folder / "log"
        with log.open("wb") as stderr:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "scrapy", *command],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
            assert process.stdout is not None
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            text = log.read_text("utf-8", "replace")[-3000:]
            raise SystemExit(
                f"{self.folder}: scrapy {' '.join(command)}: exit code {process.returncode}\n{text}"
            )
        return Used(cpu=usage.ru_utime + usage.ru_stime, seconds=seconds, output=output)

    def crawl(self, pages: int, *, rendered: bool = False) -> tuple[Used, Figures]:
        """Crawl into empty tables; return what the crawl used, and the figures to its first request."""
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            for table in ("book", "row_change", "crawl_request", "crawl_run"):
                database.execute(f"DELETE FROM {table}")
        began = time.time()
        used = self.run(
            *("crawl", "startup", "--fresh", "-s", "SPIDER_MODULES=startup_spider"),
            *() if rendered else ("-s", "RENDERER_ENABLED=0"),
            pages=pages,
            rendered=rendered,
        )
        first = json.loads(next(line for line in used.output.splitlines() if line.startswith('{"cpu"')))
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            (stored,) = database.execute("SELECT count(*) FROM book").fetchone()
        if stored != pages * ROWS:
            raise SystemExit(f"{self.folder}: {stored} of {pages * ROWS} rows are stored")
        return used, {"cpu": first["cpu"], "seconds": first["time"] - began}

    def measure(self, measures: list[str], pages: int) -> Figures:
        """Return the figures of one round."""
        found: Figures = {}
        if "list" in measures:
            used = self.run("list")
            found |= {"scrapy list, CPU": used.cpu, "scrapy list, time": used.seconds}
        if "plain" in measures:
            one, first = self.crawl(1)
            found |= {
                "to the first request, CPU": first["cpu"],
                "to the first request, time": first["seconds"],
            }
            found |= {"crawl of one page, CPU": one.cpu, "crawl of one page, time": one.seconds}
            found["a plain page, CPU"] = self.page(pages, rendered=False)
        if "rendered" in measures:
            found["a rendered page, CPU"] = self.page(pages, rendered=True)
        return {name: 1000 * value for name, value in found.items()}

    def page(self, pages: int, *, rendered: bool) -> float:
        """Return the seconds of CPU that one more page takes."""
        few, many = (self.crawl(count, rendered=rendered)[0].cpu for count in (pages, 2 * pages))
        return (many - few) / pages


def report(now: list[Figures], earlier: list[Figures]) -> None:
    """Print a line for each measure: the medians in ms, and the ratio."""
    print(f"{'ms':<30} {'now':>8}" + (f" {'earlier':>8} {'ratio':>6}" if earlier else ""))
    for name in now[0]:
        line = f"{name:<30} {median(figures[name] for figures in now):8.1f}"
        if earlier:
            pairs = zip(now, earlier, strict=True)
            ratio = median(mine[name] / theirs[name] for mine, theirs in pairs)
            line += f" {median(figures[name] for figures in earlier):8.1f} {ratio:6.2f}"
        print(line)


@contextlib.contextmanager
def servers(rendered: bool) -> Iterator[Place]:
    """Start the site and, for rendered pages, a renderer of this checkout."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy(SPIDER, folder)
        site = stack.enter_context(started(sys.executable, "-m", "benchmarks.site"))
        assert site.stdout is not None
        port, renderer = int(site.stdout.readline()), ""
        if rendered:
            process = stack.enter_context(
                started(sys.executable, "-m", "renderer", "--port", "0", "--exit-with-stdin", cwd=HERE)
            )
            assert process.stdout is not None
            renderer = process.stdout.readline().split()[-1]
        yield Place(folder=folder, site=f"http://127.0.0.1:{port}", renderer=renderer)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--earlier", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measures", nargs="+", default=["list", "plain", "rendered"])
    options = parser.parse_args()
    with servers("rendered" in options.measures) as place:
        checkouts = [Checkout(HERE, place)]
        if options.earlier:
            checkouts.append(Checkout(options.earlier, place))
        results: dict[Path, list[Figures]] = {checkout.folder: [] for checkout in checkouts}
        for _ in range(options.rounds):
            for checkout in random.sample(checkouts, len(checkouts)):
                results[checkout.folder].append(checkout.measure(options.measures, options.pages))
        report(*results.values(), *[[]] * (2 - len(results)))


if __name__ == "__main__":
    main()
