"""``scrapy try``: crawl a few pages and show the rows that a crawl would store. It writes nothing to the tables."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.utils.misc import load_object

from crawler.commands.crawl import Command as Crawl
from crawler.project import this_project
from crawler.run.stopping import CannotStart
from crawler.run.verdict import BELOW_POLICY, CANNOT_START, GOOD
from crawler.trial.selector_hits import SelectorHits
from crawler.trial.trial_pages import TrialPages, prefer_later_callbacks
from crawler.trial.trial_spider import starting_at
from models.command_name import command

PAGES = 3


class Command(Crawl):
    name = "try"

    def syntax(self) -> str:
        return "[options] <spider> [URL]"

    def short_desc(self) -> str:
        return "Crawl a few pages and show their rows; write nothing to the tables"

    def long_desc(self) -> str:
        return (
            "Crawl the first pages of a spider, or this URL in place of its first page, and show the rows that a "
            "crawl would store, rejected items, and the selectors that match nothing. The pages' HTML is in "
            "data/try/. The tables stay as they are. Exit code: 0 if there are rows and no fault, otherwise 2."
        )

    def add_run_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the number of pages; a trial of this command has a database of its own, and so no earlier run."""
        parser.add_argument(
            "--pages", type=int, default=PAGES, help=f"the number of pages (default: {PAGES})"
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "-c", "--callback", help="the callback for the URL (default: that of the first page)"
        )
        parser.add_argument(
            "--save-test", action="store_true", help="write the first page and its rows into tests/pages/"
        )
        parser.epilog = None

    def choose_run(self, opts: argparse.Namespace) -> None:
        """Do nothing: ``add_run_options`` adds no option that chooses a run."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.trial.trial_setup import make_quiet  # noqa: PLC0415 - the tables, only for this command

        super().process_options(args, opts)
        if opts.pages < 1:
            self._refuse_options(f"--pages {opts.pages}: a trial needs at least one page")
        assert self.settings is not None
        keeps_log = bool(opts.loglevel) or any(one.startswith("LOG_LEVEL=") for one in opts.set)
        make_quiet(self.settings, keeps_log=keeps_log)
        self.opts = opts

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.trial.report import report  # noqa: PLC0415 - rich, only for this command
        from crawler.trial.trial_setup import empty_folder, make_database  # noqa: PLC0415

        assert self.settings is not None
        self.exitcode = CANNOT_START
        root = this_project().root
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in args[0]) if args else "trial"
        try:
            folder = empty_folder(root / "data" / "try" / name)
        except CannotStart as error:
            self._say(str(error))
            return
        engine = make_database(self.settings, folder)
        self.pages = TrialPages(folder=folder, most=opts.pages)
        self.record: str | None = None  # the selector of the records, if it is known
        hits = SelectorHits(root)
        with hits.counting():
            super().run(args, opts)
        if self.refusal is None and self.exitcode != CANNOT_START:
            outcome = report(engine, self.pages.pages, hits, folder, self.record)
            self.exitcode = GOOD if outcome.is_good else BELOW_POLICY
            if outcome.rows and opts.save_test:
                print(f"saved as a test: {asyncio.run(self._save_test(args[0], engine))}")
            if outcome.is_good:
                print(
                    f"Next: {command('migrate --new')}, if its table is new; then: {command(f'crawl {args[0]}')}"
                )
        engine.dispose()

    async def _save_test(self, name: str, engine: Any) -> str:
        """Write the first page as a test case, and return its folder in the project."""
        from crawler.snapshots.site_test import write_case  # noqa: PLC0415
        from crawler.trial.saved_page import first_page  # noqa: PLC0415

        assert self.settings is not None
        page = first_page(engine, self.pages, name)
        async with load_object(self.settings["PAGE_READER"])(self.settings, name, {}) as spider:
            result = await spider.read(page)
        root = this_project().root
        return str(write_case(root / "tests" / "pages", page, result).relative_to(root))

    def _spider_of(self, args: list[str]) -> str | type[Spider]:
        if not 1 <= len(args) <= 2:
            raise CannotStart(
                f"it takes a spider's name and at most one URL; `{command('list')}` prints the names"
            )
        assert self.crawler_process is not None
        from crawler.trial.missing_records import record_of  # noqa: PLC0415 - only for this command

        spider: type[Spider] = self.crawler_process.spider_loader.load(args[0])
        self.record = record_of(spider)
        if len(args) == 1:
            if self.opts.callback:
                raise CannotStart("--callback needs the URL of a page")
            return spider
        return starting_at(spider, args[1], self.opts.callback)

    def _create_crawler(self, spider: Any) -> Crawler:
        crawler: Crawler = super()._create_crawler(spider)
        self.pages.watch(crawler)
        self._prefer = prefer_later_callbacks(crawler)
        return crawler
