"""``scrapy work``: take part in the shared runs of this project, one after the other."""

from __future__ import annotations

import argparse
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from scrapy.spiderloader import get_spider_loader
from scrapy.utils.log import configure_logging
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crawler.database_command import DatabaseCommand
from crawler.project import this_project
from crawler.run.verdict import WORDS
from models.command_name import command
from models.error_text import error_line
from models.run import CrawlRun, scope_of
from models.run_orders import is_stopped

logger = logging.getLogger("splashdown.workers")

LOOK = 2.0  # seconds between two looks for a shared run
PAUSE = 30.0  # seconds until a run is joined again whose crawl did not end well


@dataclass(frozen=True, kw_only=True)
class SharedRunFound:
    """An unfinished shared run."""

    id: int
    spider: str
    arguments: Mapping[str, Any]

    def command(self) -> list[str]:
        """Return the command that joins the run, and begins no other one."""
        arguments = [part for name, value in self.arguments.items() for part in ("-a", f"{name}={value}")]
        return [
            *(sys.executable, "-m", "scrapy", "crawl", self.spider, *arguments),
            *("--shared", "-s", f"RUN_JOIN={self.id}"),
        ]


class Command(DatabaseCommand):
    name = "work"

    def short_desc(self) -> str:
        return "Take part in the shared runs of this project (crawl --shared), until SIGTERM"

    def long_desc(self) -> str:
        return (
            f"Wait for shared runs, which `{command('crawl SPIDER --shared')}` begins, and crawl them with the other "
            "workers, one run at a time. SIGTERM leaves the run: its pages in flight are committed, and the "
            "other workers take its hosts."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--once", action="store_true", help="end when no shared run is unfinished")

    def serves(self, opts: argparse.Namespace) -> bool:
        return not opts.once

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        configure_logging(self.project_settings)
        spiders = frozenset(get_spider_loader(self.project_settings).list())
        stopping = threading.Event()
        with self.database() as engine:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopping.set())
            work(engine, spiders, stopping, once=opts.once)


def work(engine: Engine, spiders: Collection[str], stopping: threading.Event, *, once: bool) -> None:
    """Join shared runs until ``stopping`` is set; with ``once``, until there is none."""
    not_before: dict[int, float] = {}  # when a run may be joined again
    told: set[int] = set()
    if not once:
        logger.info("waits for shared runs of %s", ", ".join(sorted(spiders)) or "no spider")
    while not stopping.is_set():
        try:
            found = shared_runs(engine, spiders, told)
        except SQLAlchemyError as error:
            logger.warning("the database does not answer, trying again: %s", error_line(error))
            found = []
        now = time.monotonic()
        ready = [run for run in found if not_before.get(run.id, 0.0) <= now]
        if ready:
            engine.dispose()  # the crawl may take days
            code = join(ready[0], stopping)
            not_before[ready[0].id] = time.monotonic() + (0.0 if code == 0 else PAUSE)
        elif once and not found:
            return
        else:
            stopping.wait(LOOK)


def shared_runs(engine: Engine, spiders: Collection[str], told: set[int]) -> list[SharedRunFound]:
    """Return the unfinished shared runs of these spiders, the oldest first.

    Args:
        told: the runs that this process cannot join, because their arguments are secrets; updated.
    """
    query = (
        select(CrawlRun.id, CrawlRun.spider, CrawlRun.arguments, CrawlRun.scope)
        .where(CrawlRun.unfinished.is_not(None), CrawlRun.partitions.is_not(None), ~is_stopped())
        .order_by(CrawlRun.id)
    )
    found = []
    with Session(engine) as session:
        for row in session.execute(query):
            if row.spider not in spiders:
                continue
            if scope_of(row.spider, row.arguments) == row.scope:
                found.append(SharedRunFound(id=row.id, spider=row.spider, arguments=row.arguments))
            elif row.id not in told:
                told.add(row.id)
                logger.warning(
                    "run %d of %s has an argument that is a secret and not in the table: join it by hand, with `%s`",
                    row.id,
                    row.spider,
                    command(f"crawl {row.spider} -a ... --shared"),
                )
    return found


def join(run: SharedRunFound, stopping: threading.Event) -> int:
    """Crawl the run in a process of its own; return its exit code. ``stopping`` ends the process in order."""
    logger.info("joins run %d of %s", run.id, run.spider)
    # In a group of its own: a second signal, which the terminal would send it, would end the crawl at once.
    process = subprocess.Popen(run.command(), cwd=this_project().root, start_new_session=True)
    is_told = False
    while process.poll() is None:
        if stopping.is_set() and not is_told:
            process.terminate()
            is_told = True
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    code = process.returncode
    logger.info(
        "left run %d of %s: %s (exit code %d)", run.id, run.spider, WORDS.get(code, "it was killed"), code
    )
    return code
