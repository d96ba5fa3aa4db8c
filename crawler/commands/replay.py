"""``scrapy replay``: pages that could not be read, once more, by the spider as it is today and without the site."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.spiderloader import get_spider_loader
from scrapy.utils.misc import load_object
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crawler.kept_page import REASONS, KeptPage, UnreadablePage, pages_of, read_page, runs_in
from crawler.page_case import write_case
from crawler.reading import Reading
from crawler.spider_loader import UnknownSpider
from models.broken import BrokenPage, broken_pages
from models.run import RunIsAlive
from models.schema import check_schema
from models.session import DatabaseUnusable, check_connection, make_engine

ROOT = Path(__file__).parent.parent.parent
TESTS = ROOT / "tests" / "pages"
STILL_BAD, CANNOT_START = 2, 1
SHOWN = 20  # pages that are named one by one


class WrongUse(Exception):
    """What was typed makes no sense; the message says what would."""


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] [SPIDER]"

    def short_desc(self) -> str:
        return "Read pages again that were kept since they could not be read, offline, and store what they give now"

    def long_desc(self) -> str:
        return (
            f"{self.short_desc()}. Requests that they yield are not made: the next crawl does. "
            "Exit code: 0 nothing is wrong with them any more; 2 some are still bad, or are not kept any more; "
            "1 it could not start."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--run", type=int, help="only pages of this run")
        parser.add_argument("--reason", choices=REASONS, help="only pages that were kept for this")
        parser.add_argument(
            "--page", action="append", metavar="RUN/NUMBER", help="only this page; may be repeated"
        )
        parser.add_argument(
            "--save-test",
            action="store_true",
            help="store nothing, but make a test case in tests/pages/ of each --page, or of the newest page of "
            "each spider and reason",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        self.folder = Path(self.settings["KEPT_PAGES_FOLDER"])
        self.spider, self.opts = (args[0] if args else None), opts
        try:
            if len(args) > 1 or any(not re.fullmatch(r"[0-9]+/[0-9]+", name) for name in opts.page or ()):
                raise WrongUse("it takes one spider's name at most, and pages like 7/12")
            if self.spider:
                get_spider_loader(self.settings).load(self.spider)
            asyncio.run(self._save_tests() if opts.save_test else self._replay())
        except (WrongUse, UnknownSpider, DatabaseUnusable, RunIsAlive, OSError) as error:
            self._fail(str(error))
        except SQLAlchemyError as error:  # what was stored page by page is safe
            self._fail(" ".join(str(getattr(error, "orig", error)).split()))

    def _fail(self, message: str) -> None:
        print(f"scrapy replay: {message}", file=sys.stderr)
        self.exitcode = CANNOT_START

    async def _replay(self) -> None:
        assert self.settings is not None
        engine = make_engine(self.settings["DATABASE_URL"])
        check_connection(engine)
        check_schema(engine)
        with Session(engine) as session:
            broken = [one for one in broken_pages(session, self.spider, self.opts.run) if self._named(one)]
        wrong: list[str] = []
        pages = stored = newer = links = again = 0
        if broken:
            store: Any = load_object(self.settings["PAGE_STORE"])(engine, self.settings)
            async with Readers(self.settings) as readers:
                for one in broken:
                    try:
                        kept = read_page(self.folder, one.kept_page)
                    except UnreadablePage as error:
                        if self.opts.reason is None:
                            wrong.append(f"{one.url}: {error}")
                        continue
                    if self.opts.reason not in (None, kept.reason):
                        continue
                    reading = await readers.read(kept)
                    outcome = store.store(one, reading, reason=kept.reason, fetched=kept.at)
                    pages += 1
                    stored, newer = stored + outcome.stored, newer + outcome.newer
                    links += len(reading.links)
                    again += bool(reading.links) and not one.over
                    if outcome.wrong:
                        wrong.append(f"{kept.name} {one.url}: {outcome.wrong}")
            store.close()
        engine.dispose()
        _show_wrong(wrong)
        print(f"{pages} pages were read again: {stored} rows are stored, {len(wrong)} pages are still bad")
        if newer:
            print(f"{newer} rows were left as they are: a later crawl has seen them since")
        if links:
            print(f"{links} links were found on them, and are left to the next crawl")
        if again:
            print(f"{again} of these pages are fetched again when their run is resumed: for their links")
        self.exitcode = STILL_BAD if wrong else 0

    async def _save_tests(self) -> None:
        assert self.settings is not None
        wrong = []
        chosen = list(self._chosen())
        async with Readers(self.settings) as readers:
            for kept in chosen:
                reading = await readers.read(kept)
                case = write_case(TESTS, kept, reading)
                print(
                    f"{case.relative_to(ROOT)}: {len(reading.rows)} rows, {len(reading.links)} links from {kept.url}"
                )
                problem = reading.still_wrong(kept.reason)
                if problem:
                    wrong.append(
                        f"{kept.name} {kept.url}: {problem}; what is null in rows.json is yours to fill in"
                    )
        _show_wrong(wrong)
        if not chosen:
            print(f"no such page is kept in {self.folder}")
        self.exitcode = STILL_BAD if wrong else 0

    def _named(self, one: BrokenPage) -> bool:
        return not self.opts.page or one.kept_page in self.opts.page

    def _chosen(self) -> Iterator[KeptPage]:
        """Each ``--page``, or the newest of each spider and reason; whether or not they were stored meanwhile."""
        names: Iterable[str] = self.opts.page or (
            name for run in runs_in(self.folder) for name in reversed(pages_of(self.folder, run))
        )
        seen = set()
        for name in names:
            try:
                kept = read_page(self.folder, name)
            except UnreadablePage as error:
                print(f"scrapy replay: {error}", file=sys.stderr)
                continue
            if (
                self.spider not in (None, kept.spider)
                or self.opts.run not in (None, kept.run_id)
                or self.opts.reason not in (None, kept.reason)
            ):
                continue
            if self.opts.page or (kept.spider, kept.reason) not in seen:
                seen.add((kept.spider, kept.reason))
                yield kept


class Readers:
    """A spider of today for each spider and set of arguments, opened when its first page comes."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.make = load_object(settings["PAGE_READER"])
        self.stack = AsyncExitStack()
        self.open: dict[tuple[str, str], Any] = {}

    async def __aenter__(self) -> Readers:
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.stack.aclose()

    async def read(self, kept: KeptPage) -> Reading:
        """What the page gives; an error where its spider cannot be made any more."""
        key = (kept.spider, repr(sorted(kept.arguments.items())))
        if key not in self.open:
            try:
                made = self.make(self.settings, kept.spider, kept.arguments)
                self.open[key] = await self.stack.enter_async_context(made)
            except Exception as error:  # a spider's own __init__ may raise anything
                return Reading(error=f"its spider cannot be made: {error}")
        reading: Reading = await self.open[key].read(kept)
        return reading


def _show_wrong(wrong: list[str]) -> None:
    for line in wrong[:SHOWN]:
        # Sites wrote part of it.
        print("still bad: " + "".join(c if c.isprintable() else " " for c in line)[:300])
    if len(wrong) > SHOWN:
        print(f"still bad: {len(wrong) - SHOWN} more")
