"""``scrapy crawl``: Scrapy's own, with errors in one line and an exit code that cron or systemd can act on."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from typing import NoReturn

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError

from crawler.shutdown import Shutdown
from crawler.spider_loader import UnknownSpider
from crawler.stopping import CannotStart, stopped_because
from crawler.verdict import CANNOT_START, GOOD
from models.session import DatabaseUnusable

logger = logging.getLogger(__name__)

EXIT_CODES = """\
Exit code:
  0   good
  1   it could not start: configuration, schema, no renderer
  2   it ran, but below its policy (MIN_ROWS, MAX_FAILED_SHARE, MAX_REJECTED_SHARE, MAX_COVERAGE_DROP, GONE_LIMIT)
  3   data could not be stored
  4   interrupted; the next start resumes it
  75  the same crawl is already running
`scrapy runs` has the reasons."""


class Command(ScrapyCrawl):
    def long_desc(self) -> str:
        return (
            "Run a spider of this project, by name. A run that was interrupted, however that came about, is resumed; "
            "otherwise a new one begins."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--fresh",
            action="store_true",
            help="begin anew, and give up what an interrupted run left to be done",
        )
        parser.epilog = EXIT_CODES
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.error = self._refuse_options  # type: ignore[method-assign]  # argparse's own exit code is our 2

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        try:
            super().process_options(args, opts)
        except UsageError as error:
            self._refuse_options(str(error))
        if opts.fresh:
            assert self.settings is not None
            self.settings.set("RUN_FRESH", True, priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        self.exitcode = CANNOT_START  # until we know better
        if len(args) != 1:
            self._say("scrapy crawl takes one spider's name; `scrapy list` has them")
            return
        assert self.crawler_process is not None
        try:
            crawler = self.crawler_process.create_crawler(args[0])
        except UnknownSpider as error:
            self._say(str(error))
            return
        Shutdown(crawler).install()
        task = self.crawler_process.crawl(crawler, **opts.spargs)
        assert isinstance(task, asyncio.Task)
        task.add_done_callback(self._report)
        self.crawler_process.start(install_signal_handlers=False)
        if not self.crawler_process.bootstrap_failed:
            self.exitcode = exit_code_of(crawler, otherwise=self.exitcode)

    def _report(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CannotStart):
            self._say(str(error))
            self.exitcode = error.exit_code
        elif isinstance(error, DatabaseUnusable):
            self._say(str(error))
        elif error is not None:
            logger.error("the crawl could not start", exc_info=error)

    def _say(self, message: str) -> None:
        # Not through the log, which may be off or in a file: who typed the command has to see it.
        print(f"scrapy crawl: {message}", file=sys.stderr)

    def _refuse_options(self, message: str) -> NoReturn:
        self._say(f"{message}; `scrapy crawl --help` has the options")
        sys.exit(CANNOT_START)


def exit_code_of(crawler: Crawler, *, otherwise: int) -> int:
    """The run's verdict; of a crawl that stores nothing (RUN_ENABLED), whether it came to its end."""
    assert crawler.stats is not None
    code = crawler.stats.get_value("run/verdict")
    if code is not None:
        return int(code)
    if crawler.stats.get_value("finish_reason") == "finished" and not stopped_because(crawler):
        return GOOD
    return otherwise
