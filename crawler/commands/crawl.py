"""``scrapy crawl``: Scrapy's own, with errors in one line and an exit code that cron or systemd can act on."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from typing import NoReturn

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crawler.alarm import Alarm, WrongAddress
from crawler.extensions.run import RunExtension
from crawler.plain_text import last_line
from crawler.shutdown import Shutdown
from crawler.spider_loader import UnknownSpider
from crawler.stopping import CannotStart, stopped_because
from crawler.verdict import CANNOT_START, GOOD, Ending, Verdict
from models.session import DatabaseUnusable
from models.trouble import failed_requests, rejected_items

logger = logging.getLogger(__name__)

EXAMPLES = 3  # of failed requests, and of rejected items, in an alarm

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

    refusal: Verdict | None = None  # why the crawl did not begin

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        self.exitcode = CANNOT_START  # until we know better
        if len(args) != 1:
            self._say("scrapy crawl takes one spider's name; `scrapy list` has them")
            return
        assert self.crawler_process is not None and self.settings is not None
        try:
            crawler = self.crawler_process.create_crawler(args[0])
        except UnknownSpider as error:
            self._say(str(error))
            return
        try:
            alarm = Alarm(self.settings.get("ALERT_URLS") or "", Path(self.settings["ALERT_STATES"]))
        except WrongAddress as error:
            self._say(str(error))
            return
        Shutdown(crawler).install()
        task = self.crawler_process.crawl(crawler, **opts.spargs)
        assert isinstance(task, asyncio.Task)
        task.add_done_callback(self._report)
        self.crawler_process.start(install_signal_handlers=False)
        verdict = verdict_on(crawler) if self.refusal is None else self.refusal
        self.exitcode = verdict.code
        run = RunExtension.of(crawler) if self.refusal is None else None
        alarm.tell(
            args[0],
            getattr(crawler.spider, "arguments", {}),
            verdict,
            run_id=run.held.id if run is not None else None,
            examples=examples_of(run) if run is not None and verdict.code != GOOD else (),
        )

    def _report(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CannotStart | DatabaseUnusable):
            self._say(str(error))
            code = error.exit_code if isinstance(error, CannotStart) else CANNOT_START
            self.refusal = Verdict(code=code, reasons=(str(error),))
        elif error is not None:
            logger.error("the crawl could not start", exc_info=error)
            self.refusal = Verdict(code=CANNOT_START, reasons=(f"{type(error).__name__}: {error}",))

    def _say(self, message: str) -> None:
        # Not through the log, which may be off or in a file: who typed the command has to see it.
        print(f"scrapy crawl: {message}", file=sys.stderr)

    def _refuse_options(self, message: str) -> NoReturn:
        self._say(f"{message}; `scrapy crawl --help` has the options")
        sys.exit(CANNOT_START)


def verdict_on(crawler: Crawler) -> Verdict:
    """The run's verdict; of a crawl that stores nothing (RUN_ENABLED), whether it came to its end."""
    assert crawler.stats is not None
    code = crawler.stats.get_value("run/verdict")
    if code is not None:
        return Verdict(code=code, reasons=tuple(crawler.stats.get_value("run/verdict_reasons")))
    reason = crawler.stats.get_value("finish_reason")
    if reason is None:
        return Verdict(code=CANNOT_START, reasons=("the crawl did not come to its end; its log says why",))
    ending = Ending(
        reason=reason,
        covered=reason == "finished" and not stopped_because(crawler),
        message=stopped_because(crawler),
    )
    return ending.verdict or Verdict(code=GOOD)


def examples_of(run: RunExtension) -> list[str]:
    """A few of the failed requests and rejected items of a run, if the database can say."""
    try:
        with Session(run.engine) as session:
            failed = failed_requests(session, run.held.id, EXAMPLES)
            rejected = rejected_items(session, run.held.id, EXAMPLES)
            return [
                *(f"{one.url}: {last_line(one.error or '')}" for one in failed),
                *(
                    f"{one.url}: " + "; ".join(f"{name} {why}".strip() for name, why in one.reasons.items())
                    for one in rejected
                ),
            ]
    except SQLAlchemyError:
        return []
    finally:
        run.engine.dispose()
