"""``scrapy try``: crawl a few pages and show the rows that a crawl would store. It writes nothing to the tables."""

from __future__ import annotations

import argparse
import shutil
from typing import Any

from scrapy import Spider
from scrapy.crawler import Crawler

from crawler.commands.crawl import Command as Crawl
from crawler.project import this_project
from crawler.run.stopping import CannotStart
from crawler.run.verdict import BELOW_POLICY, CANNOT_START, GOOD
from crawler.security.plain_text import one_line
from crawler.trial.selector_hits import SelectorHits
from crawler.trial.trial_pages import TrialPages
from crawler.trial.trial_spider import starting_at

PAGES = 3
QUIET = {  # a trial raises no alarm, exports no metrics and has no policy; its report replaces the log
    "ALERT_URLS": "",
    "CONCURRENT_REQUESTS": 1,
    "DELTA": "off",
    "KEPT_PAGES": 0,
    "LOG_LEVEL": "CRITICAL",
    "METRICS_FOLDER": "",
    "METRICS_PORT": 0,
    "OUTBOX_ENABLED": False,
    "RENDERING": "always",
}


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

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--pages", type=int, default=PAGES, help=f"the number of pages (default: {PAGES})"
        )
        parser.add_argument(
            "-c", "--callback", help="the callback for the URL (default: that of the first page)"
        )
        parser.epilog = None

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if opts.pages < 1:
            self._refuse_options(f"--pages {opts.pages}: a trial needs at least one page")
        assert self.settings is not None
        given = (
            {"LOG_LEVEL"} if opts.loglevel or any(one.startswith("LOG_LEVEL=") for one in opts.set) else set()
        )
        for name, value in QUIET.items():
            if name not in given:
                self.settings.set(name, value, priority="cmdline")
        self.opts = opts

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.trial.report import report  # noqa: PLC0415 - rich and the tables, only for this command
        from models import Base  # noqa: PLC0415
        from models.schema import upgrade  # noqa: PLC0415
        from models.session import make_engine  # noqa: PLC0415

        assert self.settings is not None
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in args[0]) if args else "trial"
        folder = this_project().root / "data" / "try" / name
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        except OSError as error:
            self._say(f"{folder} cannot be written: {error.strerror}")
            self.exitcode = CANNOT_START
            return
        url = f"sqlite:///{folder / 'rows.db'}"
        self.settings.set("DATABASE_URL", url, priority="cmdline")
        self.settings.set("PROJECT_MIGRATIONS", "", priority="cmdline")
        engine = make_engine(url)
        upgrade(engine)
        Base.metadata.create_all(engine)  # also the tables that no migration makes yet
        self.pages = TrialPages(folder=folder, most=opts.pages)
        hits = SelectorHits(this_project().root)
        with hits.counting():
            super().run(args, opts)
        if self.refusal is not None or self.exitcode == CANNOT_START:
            self.exitcode = CANNOT_START
        else:
            outcome = report(engine, self.pages.pages, hits)
            self.exitcode = GOOD if outcome.is_good else BELOW_POLICY
            if outcome.is_good:
                print(
                    f"Next: scrapy migrate --new, if its table is new; then: scrapy crawl {one_line(args[0])}"
                )
        engine.dispose()

    def _spider_of(self, args: list[str]) -> str | type[Spider]:
        if not 1 <= len(args) <= 2:
            raise CannotStart("it takes a spider's name and at most one URL; `scrapy list` prints the names")
        assert self.crawler_process is not None
        spider: type[Spider] = self.crawler_process.spider_loader.load(args[0])
        if len(args) == 1:
            if self.opts.callback:
                raise CannotStart("--callback needs the URL of a page")
            return spider
        return starting_at(spider, args[1], self.opts.callback)

    def _create_crawler(self, spider: Any) -> Crawler:
        crawler: Crawler = super()._create_crawler(spider)
        self.pages.watch(crawler)
        return crawler
