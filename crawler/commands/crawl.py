"""``scrapy crawl``: Scrapy's command, with errors on one line and an exit code for cron and systemd."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

from scrapy import Spider
from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crawler.command_failure import print_failure
from crawler.run.alarm import Alarm, WrongAddress
from crawler.run.extension import RunExtension
from crawler.run.shutdown import Shutdown
from crawler.run.stopping import CannotStart, NothingToDo, stopped_because
from crawler.run.verdict import CANNOT_START, GOOD, Ending, Verdict, exit_code_help
from crawler.security.plain_text import last_line
from crawler.spider.arguments import arguments_of
from crawler.spider.loader import UnknownSpider
from crawler.stat_names import VERDICT, VERDICT_REASONS
from crawler.unknown_option import unknown_option
from models.base import ModelError
from models.command_name import command
from models.error_text import error_line
from models.run_failures import failed_requests, rejected_items
from models.session import DatabaseUnusable, make_engine
from models.spider_schedule import AlarmChoice, SpiderSchedule
from models.trial_run import MOST_PAGES

logger = logging.getLogger(__name__)

EXAMPLES = 3  # of failed requests, and of rejected items, in an alarm


class Command(ScrapyCrawl):
    name = "crawl"

    def long_desc(self) -> str:
        return (
            "Run the spider with this name. If its last run with these arguments was interrupted, the crawl resumes "
            "that run; otherwise it begins a new run. A trial (--pages) is a run of its own, which no crawl resumes; "
            "--failed-only crawls the failed pages of the last run again."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        self.add_spider_options(parser)
        self.add_run_options(parser)
        self._parser = parser
        parser.epilog = exit_code_help()
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.error = self._refuse_options  # type: ignore[method-assign]  # argparse's exit code is 2

    def add_spider_options(self, parser: argparse.ArgumentParser) -> None:
        """Add Scrapy's options: those of all commands, the arguments of the spider, and files for its items."""
        super().add_options(parser)

    def add_run_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options that choose the run of the crawl."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--fresh",
            action="store_true",
            help="begin a new run and give up the requests that are left of an interrupted run",
        )
        which.add_argument(
            "--pages",
            type=number_of_pages,
            metavar="N",
            help="a trial: crawl at most N pages and store their rows; then the run is over, no row becomes gone, and "
            "no later run is compared with it",
        )
        which.add_argument(
            "--failed-only",
            action="store_true",
            help="crawl the failed and refused pages of the last run again, in that run",
        )

        parser.add_argument(
            "--shared",
            action="store_true",
            help="join the run of this spider that other processes and machines crawl with --shared, or begin it",
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        try:
            super().process_options(args, opts)
        except UsageError as error:
            self._refuse_options(str(error))
        if problem := unknown_option(args, self._parser):
            self._refuse_options(problem)
        self.choose_run(opts)

    def choose_run(self, opts: argparse.Namespace) -> None:
        """Set the settings of the options that choose the run."""
        assert self.settings is not None
        chosen = {
            "RUN_FRESH": opts.fresh,
            "RUN_TRIAL_PAGES": opts.pages,
            "RUN_FAILED_ONLY": opts.failed_only,
            "RUN_SHARED": opts.shared,
        }
        if opts.shared and (opts.pages or opts.failed_only):
            self._refuse_options(
                f"--shared and {'--pages' if opts.pages else '--failed-only'} exclude each other"
            )
        for setting, value in chosen.items():
            if value:
                self.settings.set(setting, value, priority="cmdline")

    refusal: Verdict | None = None  # the verdict if the crawl could not start
    is_alarming = True  # whether the verdict says something about the spider's runs

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        self.exitcode = CANNOT_START  # until there is a verdict
        assert self.crawler_process is not None and self.settings is not None
        try:
            crawler = self._create_crawler(self._spider_of(args))
        except (UnknownSpider, CannotStart) as error:
            self._say(str(error))
            return
        try:
            alarm = Alarm(crawler.settings.get("ALERT_URLS") or "", Path(crawler.settings["ALERT_STATES"]))
        except WrongAddress as error:
            self._say(str(error))
            return
        # A person who makes a trial looks at it, and one trial does not make a spider good.
        self.is_alarming = not self.settings.getint("RUN_TRIAL_PAGES", 0)
        import_download_handler()
        Shutdown.of(crawler).install()
        task = self.crawler_process.crawl(crawler, **opts.spargs)
        assert isinstance(task, asyncio.Task)
        task.add_done_callback(self._report)
        self.crawler_process.start(install_signal_handlers=False)
        run = RunExtension.of(crawler) if self.refusal is None else None
        verdict = self.refusal or (run.verdict if run is not None else None) or verdict_on(crawler)
        self.exitcode = verdict.code
        if self.is_alarming:
            alarm.tell(
                crawler.spidercls.name,
                arguments_of(crawler),
                verdict,
                run=run.held if run is not None else None,
                engine=run.engine if run is not None else None,
                examples=lambda: examples_of(run) if run is not None and verdict.code != GOOD else (),
                choice=partial(alarm_choice, crawler.settings["DATABASE_URL"], crawler.spidercls.name),
            )
        if run is not None:
            run.engine.dispose()

    def _spider_of(self, args: list[str]) -> str | type[Spider]:
        """Return the name of the spider on the command line.

        Raises:
            CannotStart: the command line has no name, or more than one.
        """
        if len(args) != 1:
            raise CannotStart(f"it takes one spider's name; `{command('list')}` prints the names")
        return args[0]

    def _report(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CannotStart | DatabaseUnusable | ModelError):
            self._say(str(error))
            code = error.exit_code if isinstance(error, CannotStart) else CANNOT_START
            self.is_alarming = self.is_alarming and not isinstance(error, NothingToDo)
            self.refusal = Verdict(code=code, reasons=(str(error),))
        elif error is not None:
            logger.error("the crawl could not start", exc_info=error)
            self.refusal = Verdict(code=CANNOT_START, reasons=(error_line(error, with_type=True),))

    def _say(self, message: str) -> None:
        print_failure(command(self.name), message)

    def _refuse_options(self, message: str) -> NoReturn:
        self._say(f"{message}; `{command(self.name)} --help` lists the options")
        sys.exit(CANNOT_START)


def number_of_pages(text: str) -> int:
    """Return the number of pages of a trial.

    Raises:
        ArgumentTypeError: it is no such number.
    """
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_PAGES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MOST_PAGES}")
    return int(text)


def import_download_handler() -> None:
    """Import Scrapy's handler of HTTP requests here, because it would take 0.2 s longer where the engine imports it.

    Two of these modules have deprecated classes. For each of them Scrapy looks up the module of every call of the stack
    among all modules, so the stack must be short: an import inside an import adds five calls.
    """
    import scrapy.core.downloader.tls  # noqa: PLC0415, I001
    import scrapy.core.downloader.contextfactory  # noqa: PLC0415
    import scrapy.core.downloader.handlers.http11  # noqa: F401, PLC0415


def verdict_on(crawler: Crawler) -> Verdict:
    """Return the verdict on the run; for a crawl without a run (RUN_ENABLED), on how it ended."""
    assert crawler.stats is not None
    code = crawler.stats.get_value(VERDICT)
    if code is not None:
        return Verdict(code=code, reasons=tuple(crawler.stats.get_value(VERDICT_REASONS)))
    reason = crawler.stats.get_value("finish_reason")
    if reason is None:
        return Verdict(code=CANNOT_START, reasons=("the crawl did not reach its end; see its log",))
    ending = Ending(
        reason=reason,
        covered=reason == "finished" and not stopped_because(crawler),
        message=stopped_because(crawler),
    )
    return ending.verdict or Verdict(code=GOOD)


def alarm_choice(database_url: str, spider: str) -> AlarmChoice:
    """Return what a person has set for the spider's alarms; nothing if the database cannot be read."""
    try:
        engine = make_engine(database_url)
        try:
            if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
                return AlarmChoice()  # a query would make the file
            query = select(SpiderSchedule.muted_until, SpiderSchedule.heard_by)
            with Session(engine) as session:
                row = session.execute(query.where(SpiderSchedule.spider == spider)).one_or_none()
            return AlarmChoice(**row._mapping) if row is not None else AlarmChoice()
        finally:
            engine.dispose()
    except (DatabaseUnusable, SQLAlchemyError):
        return AlarmChoice()  # the database may be what the alarm is about


def examples_of(run: RunExtension) -> list[str]:
    """Return some failed requests and rejected items of the run; none if the database cannot be read."""
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
