"""``scrapy crawl``: Scrapy's own, with errors in one line and an exit code that is 0 only when all went well."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError

from crawler.spider_loader import UnknownSpider
from crawler.stopping import CannotStart, stopped_because
from models.session import DatabaseUnusable

logger = logging.getLogger(__name__)


class Command(ScrapyCrawl):
    def long_desc(self) -> str:
        return (
            "Run a spider of this project, by name. A run that was interrupted, however that came about, is resumed; "
            "otherwise a new one begins. Exit code: 0 the crawl ran to its end; 1 it could not start, "
            "or had to stop; the last lines of the log say why."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--fresh",
            action="store_true",
            help="begin anew, and give up what an interrupted run left to be done",
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if opts.fresh:
            assert self.settings is not None
            self.settings.set("RUN_FRESH", True, priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1:
            raise UsageError("scrapy crawl takes one spider's name; `scrapy list` has them", print_help=False)
        assert self.crawler_process is not None
        try:
            crawler = self.crawler_process.create_crawler(args[0])
        except UnknownSpider as error:
            self._fail(str(error))
            return
        task = self.crawler_process.crawl(crawler, **opts.spargs)
        assert isinstance(task, asyncio.Task)
        task.add_done_callback(self._report)
        self.crawler_process.start()
        if self.crawler_process.bootstrap_failed or stopped_because(crawler):
            self.exitcode = 1

    def _report(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CannotStart | DatabaseUnusable):
            self._fail(str(error))
        elif error is not None:
            logger.error("the crawl could not start", exc_info=error)

    def _fail(self, message: str) -> None:
        # Not through the log, which may be off or in a file: who typed the command has to see it.
        print(f"scrapy crawl: {message}", file=sys.stderr)
        self.exitcode = 1
