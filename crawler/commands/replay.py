"""``scrapy replay``: parse page snapshots again, with the spider of today and without the site."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from scrapy.spiderloader import get_spider_loader
from scrapy.utils.misc import load_object
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crawler.command_failure import print_failure
from crawler.database_command import CommandFailed, DatabaseCommand
from crawler.page.parse_result import ParseResult
from crawler.page.snapshot_policy import REASONS
from crawler.project import this_project
from crawler.run.interfaces import MakePageReader, MakePageStore, PageReader
from crawler.snapshots.page_snapshot import (
    PageSnapshot,
    UnreadableSnapshot,
    read_snapshot,
    runs_with_snapshots,
    snapshots_of_run,
    with_its_secrets,
)
from crawler.snapshots.site_test import write_case
from crawler.spider.loader import UnknownSpider
from models.replayable_pages import ReplayablePage, replayable_pages
from models.run import RunIsAlive

ROOT = this_project().root
TESTS = ROOT / "tests" / "pages"
STILL_BAD = 2  # exit code
SHOWN = 20  # bad pages that have a line each


class Command(DatabaseCommand):
    name = "replay"
    max_arguments = 1
    expected_errors = (UnknownSpider, RunIsAlive, OSError)

    def syntax(self) -> str:
        return "[options] [SPIDER]"

    def short_desc(self) -> str:
        return "Parse the page snapshots again, without the site, and store their rows"

    def long_desc(self) -> str:
        return (
            f"{self.short_desc()}. The next crawl makes the requests that the callbacks yield; this command does not. "
            "Exit code: 0 if no page is bad any more; 2 if a page is still bad or its snapshot is deleted; "
            "1 if the command could not start."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--run", type=int, help="only pages of this run")
        parser.add_argument("--reason", choices=REASONS, help="only pages with a snapshot for this reason")
        parser.add_argument(
            "--page", action="append", metavar="RUN/NUMBER", help="only this page; repeat the option for more"
        )
        parser.add_argument(
            "--save-test",
            action="store_true",
            help="store nothing, but write a test case into tests/pages/ for each --page; without --page for the "
            "newest snapshot of each spider and reason",
        )

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        self.folder = Path(self.project_settings["KEPT_PAGES_FOLDER"])
        self.spider, self.opts = (args[0] if args else None), opts
        if any(not re.fullmatch(r"[0-9]+/[0-9]+", name) for name in opts.page or ()):
            raise CommandFailed("write pages as RUN/NUMBER, such as 7/12")
        if self.spider:
            get_spider_loader(self.project_settings).load(self.spider)
        if opts.save_test:
            asyncio.run(self._save_tests())
        else:
            with self.database() as engine:
                asyncio.run(self._replay(engine))

    async def _replay(self, engine: Engine) -> None:
        with Session(engine) as session:
            broken = [
                one for one in replayable_pages(session, self.spider, self.opts.run) if self._named(one)
            ]
        wrong: list[str] = []
        pages = stored = newer = links = again = 0
        if broken:
            make_store: MakePageStore = load_object(self.project_settings["PAGE_STORE"])
            store = make_store(engine, self.project_settings)
            async with Readers(self.project_settings) as readers:
                for one in broken:
                    try:
                        page = with_its_secrets(read_snapshot(self.folder, one.kept_page), one.request)
                    except UnreadableSnapshot as error:
                        if self.opts.reason is None:
                            wrong.append(f"{one.url}: {error}")
                        continue
                    if self.opts.reason not in (None, page.reason):
                        continue
                    reading = await readers.read(page)
                    outcome = store.store(one, reading, reason=page.reason, fetched=page.at)
                    pages += 1
                    stored, newer = stored + outcome.stored, newer + outcome.newer
                    links += len(reading.links)
                    again += bool(reading.links) and not one.over
                    if outcome.fault:
                        wrong.append(f"{page.name} {one.url}: {outcome.fault}")
            store.close()
        _show_wrong(wrong)
        print(f"{pages} pages were parsed again: {stored} rows are stored, {len(wrong)} pages are still bad")
        if newer:
            print(f"{newer} rows were not changed: a later crawl has seen them")
        if links:
            print(f"{links} links were found on these pages; the next crawl follows them")
        if again:
            print(f"{again} of these pages are fetched again for their links when their run is resumed")
        self.exitcode = STILL_BAD if wrong else 0

    async def _save_tests(self) -> None:
        wrong = []
        chosen = list(self._chosen())
        async with Readers(self.project_settings) as readers:
            for page in chosen:
                reading = await readers.read(page)
                case = write_case(TESTS, page, reading)
                print(
                    f"{case.relative_to(ROOT)}: {len(reading.rows)} rows, {len(reading.links)} links from {page.url}"
                )
                problem = reading.still_wrong(page.reason)
                if problem:
                    wrong.append(
                        f"{page.name} {page.url}: {problem}; fill in the values that are null in rows.json"
                    )
        _show_wrong(wrong)
        if not chosen:
            print(f"there is no such page snapshot in {self.folder}")
        self.exitcode = STILL_BAD if wrong else 0

    def _named(self, one: ReplayablePage) -> bool:
        return not self.opts.page or one.kept_page in self.opts.page

    def _chosen(self) -> Iterator[PageSnapshot]:
        """Yield the snapshot of each ``--page``, or the newest of each spider and reason, stored or not."""
        names: Iterable[str] = self.opts.page or (
            name
            for run in runs_with_snapshots(self.folder)
            for name in reversed(snapshots_of_run(self.folder, run))
        )
        seen = set()
        for name in names:
            try:
                page = read_snapshot(self.folder, name)
            except UnreadableSnapshot as error:
                print_failure(self.program, str(error))
                continue
            if (
                self.spider not in (None, page.spider)
                or self.opts.run not in (None, page.run_id)
                or self.opts.reason not in (None, page.reason)
            ):
                continue
            if self.opts.page or (page.spider, page.reason) not in seen:
                seen.add((page.spider, page.reason))
                yield page


class Readers:
    """The spiders that parse the pages: one for each name and arguments, made for its first page."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.make: MakePageReader = load_object(settings["PAGE_READER"])
        self.stack = AsyncExitStack()
        self.open: dict[tuple[str, str], PageReader] = {}

    async def __aenter__(self) -> Readers:
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.stack.aclose()

    async def read(self, page: PageSnapshot) -> ParseResult:
        """Return the result of the page's callback, or the error if its spider cannot be made."""
        key = (page.spider, repr(sorted(page.arguments.items())))
        if key not in self.open:
            try:
                made = self.make(self.settings, page.spider, page.arguments)
                self.open[key] = await self.stack.enter_async_context(made)
            except Exception as error:  # a spider's own __init__ may raise any error
                return ParseResult(error=f"its spider cannot be made: {error}")
        return await self.open[key].read(page)


def _show_wrong(wrong: list[str]) -> None:
    for line in wrong[:SHOWN]:
        # A part of the line comes from sites.
        print("still bad: " + "".join(c if c.isprintable() else " " for c in line)[:300])
    if len(wrong) > SHOWN:
        print(f"still bad: {len(wrong) - SHOWN} more")
