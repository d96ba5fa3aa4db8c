"""``scrapy demo`` (scripts/demo): start the demo site, crawl it with two spiders, show the rows of the database."""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from crawler.database_command import DatabaseCommand
from crawler.demo_console import run_console
from crawler.project import CODE, this_project
from crawler.run.stopping import CannotStart
from models.base import Row
from models.error_text import error_line
from models.session import shown
from models.table_contents import Difference, difference, last_run, table_contents

if TYPE_CHECKING:
    from rich.console import Console


PORT = 8765


def crawls() -> dict[str, dict[str, type[Row]]]:
    """Return the models that each spider fills, by the name that the site's /truth.json has for their rows.

    Raises:
        CannotStart: the demo's models are not here.
    """
    try:
        from models import Book, Quote, Review  # noqa: PLC0415 - Scrapy imports all commands, and a project has no demo
    except ImportError as error:
        raise CannotStart(f"the demo's models are not here: {error_line(error)}") from error
    return {"books": {"books": Book, "reviews": Review}, "quotes": {"quotes": Quote}}


@contextlib.contextmanager
def demo_site(port: int, day: int) -> Iterator[str]:
    """Start the demo site as a child process and yield its URL; the site ends with this block or this process.

    Raises:
        CannotStart: the site did not start; it printed the reason on standard error.
    """
    site = subprocess.Popen(
        [sys.executable, "-m", "demo", "--port", str(port), "--day", str(day), "--exit-with-stdin"],
        cwd=CODE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert site.stdin is not None and site.stdout is not None
    try:
        line = site.stdout.readline()
        if not line.startswith("listening on "):
            site.wait()
            raise CannotStart("the demo site did not start (see above)")
        yield line.removeprefix("listening on ").strip()
    finally:
        site.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            site.wait(5)
        if site.poll() is None:
            site.kill()
        site.stdout.close()


def truth_of(url: str) -> dict[str, Any]:
    """Return the rows that the site should yield, by name, from its /truth.json."""
    with urllib.request.urlopen(f"{url}/truth.json", timeout=30) as answer:  # noqa: S310 - our own site
        truth: dict[str, Any] = json.load(answer)
    return truth


def untrue(
    seen: dict[tuple[Any, ...], dict[str, Any]], truth: list[dict[str, Any]], model: type[Row]
) -> Difference:
    """Return the differences between the rows of a run and the rows of the site's /truth.json."""
    return difference({tuple(row[name] for name in model.key()): row for row in truth}, seen)


class Command(DatabaseCommand):
    name = "demo"
    program = "scripts/demo"
    expected_errors = (CannotStart,)

    @cached_property
    def console(self) -> Console:
        """Return a console, whose library only this command needs."""
        from rich.console import Console  # noqa: PLC0415

        return Console()

    def short_desc(self) -> str:
        return "Crawl the demo site into the database and show the stored rows"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--day", type=int, default=1, help="the demo site's day (default: 1); some rows change each day"
        )
        parser.add_argument("--port", type=int, default=PORT, help=f"the demo site's port (default: {PORT})")
        parser.add_argument(
            "--console",
            action="store_true",
            help="afterwards let the shop go on to the next day, and run a scheduler and the console until Ctrl-C",
        )

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        with self.database() as engine, demo_site(opts.port, opts.day) as url:
            self.exitcode = self._crawl_and_show(engine, url, opts.day)
        if opts.console:
            with demo_site(opts.port, opts.day + 1) as url:
                self._run_console(url, opts.day + 1)

    def _run_console(self, url: str, day: int) -> None:
        settings = self.project_settings
        self.console.print(
            f"\nIt is day {day} in the shop at {url}: run books again in the console, and watch what changes.",
            highlight=False,
        )
        run_console(
            project=CODE,
            site=url,
            database=settings["DATABASE_URL"],
            pages=settings["KEPT_PAGES_FOLDER"],
            log=this_project().root / "data" / "logs" / "demo-scheduler.log",
            say=lambda line: self.console.print(line, highlight=False),
        )

    def _crawl_and_show(self, engine: Engine, url: str, day: int) -> int:
        from rich.table import Table  # noqa: PLC0415

        self.console.print(f"The demo site is at {url}, on day {day}.")
        truth = truth_of(url)
        results = Table(title=f"Rows in the database after day {day} of the shop")
        for heading in ("spider", "table"):
            results.add_column(heading)
        for heading in ("rows seen", "new", "changed", "gone", "same as on the site"):
            results.add_column(heading, justify="right")
        failed, changes = False, []
        for spider, tables in crawls().items():
            before = {model: table_contents(engine, model) for model in tables.values()}
            began = time.monotonic()
            failed |= self._crawl(spider, url) != 0
            self.console.print(f"{spider}: {time.monotonic() - began:.0f} s")
            run = last_run(engine, spider)
            for name, model in tables.items():
                seen = table_contents(engine, model, run_id=run.id if run else -1)
                changed = difference(before[model], seen)
                wrong = untrue(seen, truth[name], model)
                failed |= bool(wrong)
                results.add_row(
                    spider,
                    model.__tablename__,
                    f"{len(seen):,}",
                    f"{len(changed.created):,}",
                    f"{len(changed.changed):,}",
                    f"{len(changed.missing):,}",
                    "all" if not wrong else f"{len(wrong.missing)} missing, {len(wrong.changed)} wrong",
                )
                if before[model]:
                    changes.append((model, changed, before[model]))
        self.console.print(results)
        for model, changed, old in changes:
            self._show_changes(model, changed, old)
        self._show_books(engine, crawls()["books"]["books"])
        self._show_next(engine, day)
        return 1 if failed else 0

    def _crawl(self, spider: str, url: str) -> int:
        command = [
            sys.executable,
            "-m",
            "scrapy",
            "crawl",
            spider,
            "-s",
            f"DEMO_URL={url}",
            "-s",
            "LOG_LEVEL=WARNING",
        ]
        database = ["-s", f"DATABASE_URL={self.project_settings['DATABASE_URL']}"]
        return subprocess.run([*command, *database], cwd=CODE, check=False).returncode

    def _show_changes(
        self, model: type[Row], changed: Difference, old: dict[tuple[Any, ...], dict[str, Any]]
    ) -> None:
        """Print some of the rows that the last crawl did not have like this."""
        from rich.text import Text  # noqa: PLC0415

        def name(key: tuple[Any, ...]) -> str:
            title = old.get(key, {}).get("title")
            return "/".join(str(part) for part in key) + (f" {title}" if title else "")

        lines = [
            f"{name(key)}: " + ", ".join(f"{field} {was} -> {now}" for field, (was, now) in fields.items())
            for key, fields in list(changed.changed.items())[:5]
        ]
        lines += [f"{name(key)}: new" for key in changed.created[:3]]
        lines += [f"{name(key)}: gone" for key in changed.missing[:3]]
        if lines:
            self.console.print(f"\nSome of the changes in {model.__tablename__}:")
            for line in lines:
                self.console.print(Text("  " + " ".join(line.split())), overflow="ellipsis", no_wrap=True)

    def _show_books(self, engine: Engine, model: type[Row]) -> None:
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(title="The first books", expand=True)
        columns = ("sku", "title", "author", "price", "stock", "rating", "published")
        for column in columns:
            flexible = column in ("title", "author")
            table.add_column(column, overflow="ellipsis", no_wrap=True, ratio=1 if flexible else None)
        for _, row in sorted(table_contents(engine, model).items())[:5]:
            # As Text, not as markup: the titles come from the site.
            table.add_row(*(Text(" ".join(str(row[column]).split())) for column in columns))
        self.console.print(table)

    def _show_next(self, engine: Engine, day: int) -> None:
        from rich.text import Text  # noqa: PLC0415

        database = engine.url.database if engine.dialect.name == "sqlite" else shown(engine.url)
        file = Path(database or "")
        where = file.relative_to(CODE) if file.is_relative_to(CODE) else database
        self.console.print(f"\nThe rows are in {where}. Next:", highlight=False)
        for line in (
            f"scripts/demo --day {day + 1}                     the shop a day later: its changes",
            ".venv/bin/scrapy list                    the spiders; each is about 25 lines in spiders/",
            ".venv/bin/python -m demo                 the demo site for your browser; while it runs:",
            ".venv/bin/scrapy crawl orders            the orders behind the login",
            ".venv/bin/scrapy crawl books -O b.csv    the books into a file as well",
            f"scripts/demo --console --day {day + 1}           the same, and then the console with a scheduler",
        ):
            self.console.print(Text("  " + line), overflow="ignore", no_wrap=True, crop=False)
        self.console.print("Look at it: .venv/bin/scrapy console", highlight=False)
