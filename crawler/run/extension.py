"""The run of a crawl: claimed before the first request, written during the crawl, released at its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.settings import BaseSettings
from scrapy.utils.misc import load_object
from sqlalchemy.orm import Session, sessionmaker

from crawler.database import open_database
from crawler.delta.settings import DeltaSettings
from crawler.logs.recent_lines import RecentLines
from crawler.logs.run_ids import current_run
from crawler.rendering.settings import RenderingSettings
from crawler.run.errors import DatabaseLost
from crawler.run.existing_columns import changed_columns, existing_columns
from crawler.run.host_rates import HostRates
from crawler.run.interfaces import (
    FrontierCallbacks,
    MakePageWriter,
    MakePartitionEngine,
    PageWriter,
    PartitionEngine,
)
from crawler.run.peak_memory import peak_memory
from crawler.run.samples import RunSamples
from crawler.run.shutdown import Shutdown
from crawler.run.stopping import (
    AlreadyRunning,
    CannotStart,
    NothingToDo,
    note_joining,
    stop_crawl,
    stopped_because,
)
from crawler.run.verdict import (
    GOOD,
    INTERRUPTED,
    NOT_STORED,
    Ending,
    Policy,
    Verdict,
    acceptance_hint,
    trial_of,
)
from crawler.run.watch import RunWatch, store_end
from crawler.spider.arguments import arguments_of
from crawler.spider.models import models_of
from crawler.stat_names import RENDERING_PAGES, UNCHANGED_PAGES, VERDICT, VERDICT_REASONS
from models.error_text import error_line
from models.reopened_run import CannotReopen, NoFailedPage, reopen_run
from models.request import DONE, FAILED, LEASED, QUEUED, REFUSED, SKIPPED, count
from models.run import CannotShare, ClaimedRun, OrderIsOver, RunIsAlive, RunLost, claim_run
from models.run_log import MOST_LINES
from models.run_stats import KINDS, RunStats
from models.schema import check_tables
from models.session import make_sessions, shown
from models.shared_run import RunIsOver, join_run
from models.trial_run import begin_trial
from models.worker import IDLE_LIMIT, MOST_PARTITIONS, PARTITIONS

logger = logging.getLogger("splashdown.run")


class RunExtension:
    """The extension that has the run. With ``RUN_ENABLED = False``, as in ``scrapy shell``, nothing is stored.

    Raises:
        DatabaseUnusable: what to do about the database, in one line.
        AlreadyRunning: another process has the run.
        CannotStart: a setting has a wrong value.
        NothingToDo: with RUN_FAILED_ONLY, the last run has no failed page.
    """

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("RUN_ENABLED", True) or crawler.spider is None:
            raise NotConfigured
        self.crawler = crawler
        settings = crawler.settings
        try:
            self.delta = DeltaSettings.of(settings)
            self.rendering = RenderingSettings.of(settings, crawler.spider)
        except ValueError as error:
            raise CannotStart(str(error)) from None
        engine_of_run = partition_engine(settings)
        self.engine = open_database(
            settings, idle_limit=IDLE_LIMIT if settings.getbool("RUN_SHARED", False) else None
        )
        models = models_of(crawler.spider)
        check_tables(self.engine, models)
        self.columns = existing_columns(models)
        self.sessions = make_sessions(self.engine)
        spider = crawler.spider
        if settings.getbool("RUN_SHARED", False):
            note_joining(crawler)
        self.held: ClaimedRun = claim(self.sessions, spider.name, arguments_of(crawler), settings)
        self.host_rates = HostRates(self.held)
        self.partition_engine = engine_of_run(self.held) if engine_of_run is not None else None
        current_run.set(self.held)
        keep = settings.getint("RUN_LOG_LINES", MOST_LINES)
        self._lines = RecentLines(self.held, keep) if keep > 0 else None
        if self._lines is not None:
            logging.root.addHandler(self._lines)
        with self.sessions() as session:
            for line in changed_columns(session, self.held, self.columns):
                logger.warning("%s", line)
        self.began = time.monotonic()
        self.verdict: Verdict | None = None  # when the run is released
        self.failure: Exception | None = None
        self.failed: asyncio.Future[None] | None = None
        self._frontier: FrontierCallbacks | None = None  # from start() on
        self._writer: PageWriter | None = None
        self._samples: RunSamples | None = None
        self._watch: RunWatch | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.engine_stopped, signals.engine_stopped)
        return extension

    @classmethod
    def of(cls, crawler: Crawler) -> RunExtension | None:
        """Return the extension of a crawl that stores its run, else None."""
        return crawler.get_extension(cls)

    @property
    def writes(self) -> bool:
        """Whether the writer has started."""
        return self._writer is not None

    @property
    def writer(self) -> PageWriter:
        assert self._writer is not None
        return self._writer

    @property
    def is_paused(self) -> bool:
        """Whether a person has paused the run: no request is handed out, and nothing ends the crawl but a stop."""
        return self._watch is not None and self._watch.is_paused

    def queues(self) -> Mapping[str, int]:
        """Return how many requests wait, by where; nothing before the run is started."""
        return self._frontier.queues() if self._frontier is not None else {}

    def start(self, frontier: FrontierCallbacks) -> None:
        """Begin to write. The scheduler calls this on the event loop."""
        self._frontier = frontier
        # The objects that exist now stay until the end. The garbage collector does not look at them any more; that
        # saves a tenth of the time of a stored row.
        gc.freeze()
        held = self.held
        if held.given_up is not None:
            logger.warning("%s: %s", held.spider, self._what_is_left(held.given_up))
        logger.info(
            "run %d of %s %s; it writes to %s", held.id, held.spider, how(held), shown(self.engine.url)
        )
        loop = asyncio.get_running_loop()
        self.failed = loop.create_future()
        make_writer: MakePageWriter = load_object(self.crawler.settings["PAGE_WRITER"])
        self._writer = make_writer(
            self.sessions,
            held,
            self.crawler.settings,
            loop=loop,
            failed=self._fail,
            fits_in_window=frontier.fits_in_window,
            policy=Policy.from_settings(
                self.crawler.settings, has_model=getattr(self.crawler.spider, "model", None) is not None
            ),
            versions={name: version(name) for name in ("splashdown", "scrapy", "scrapy-splash", "sqlalchemy")}
            | {"python": platform.python_version()}
            | self.columns,
        )
        self._writer.start()
        self._samples = RunSamples(held, queues=self.queues, stat=self._stat, is_sampler=frontier.is_sampler)
        self._watch = RunWatch(
            held,
            self._writer,
            stop=Shutdown.of(self.crawler).stop,
            wake=frontier.wake,
            samples=self._samples,
            rates=self.host_rates,
            lines=self._lines,
        )

    def _stat(self, name: str) -> int:
        assert self.crawler.stats is not None
        return int(self.crawler.stats.get_value(name, 0))

    async def watch(self) -> None:
        """Look for orders from now on, and wait for the first look: the run may be paused."""
        assert self._watch is not None
        await self.or_failed(self._watch.start())

    async def or_failed(self, future: asyncio.Future[Any]) -> Any:
        """Return the result of the future. Raise the error of a writer that ends before."""
        assert self.failed is not None
        await asyncio.wait({future, self.failed}, return_when=asyncio.FIRST_COMPLETED)
        if self.failure is not None:
            raise self.failure
        return future.result()

    async def finish(self, reason: str, *, covered: bool, message: str | None = None) -> None:
        """Commit everything that waits, release the run and log its verdict."""
        if self._watch is not None:
            self._watch.close()
        ending = Ending(
            reason=reason,
            covered=covered,
            message=stopped_because(self.crawler) or message,
            seconds=round(time.monotonic() - self.began, 3),
            peak_memory=peak_memory(),
        )
        if self.failure is None and self._writer is not None:
            try:
                self.verdict = await self._writer.finish(ending)
            except Exception as error:  # of any class: the user must see that rows are not stored
                self._fail(error)
        if self.failure is not None:
            lost = isinstance(self.failure, RunLost)
            self.verdict = Verdict(
                code=INTERRUPTED if lost else NOT_STORED,
                reasons=(stopped_because(self.crawler) or str(self.failure),),
                is_of_others=lost and self.held.is_shared,
            )
        assert self.verdict is not None and self.crawler.stats is not None
        # Before the counts of the whole run replace the stats of this process.
        work = self._samples.at_end() if self._samples is not None else None
        if self.verdict.counts is not None:
            history = self.crawler.settings.getbool("HISTORY_ENABLED", True)
            counts = stats_of(self.verdict.counts, history=history)
            for name in self.crawler.stats.get_stats():  # a page may have another way or state by now
                if name.startswith((RENDERING_PAGES, UNCHANGED_PAGES)):
                    counts.setdefault(name, 0)
            for name, number in counts.items():
                self.crawler.stats.set_value(name, number)
        if self.verdict.note:
            logger.info("run %d of %s: %s", self.held.id, self.held.spider, self.verdict.note)
        self.crawler.stats.set_value(VERDICT, self.verdict.code)
        self.crawler.stats.set_value(VERDICT_REASONS, list(self.verdict.reasons))
        trial = self.held.trial_pages
        logger.log(
            logging.INFO if self.verdict.code == GOOD else logging.ERROR,
            "run %d of %s: %s%s (exit code %d)%s",
            self.held.id,
            self.held.spider,
            self.verdict.word,
            f", {trial_of(trial)}" if trial is not None else "",
            self.verdict.code,
            "".join(
                f"; {reason}" for reason in self.verdict.reasons if reason != stopped_because(self.crawler)
            ),
        )
        if self.verdict.acceptable:
            logger.warning("%s", acceptance_hint(self.held.id))
        if work is not None and self.failure is None:
            await asyncio.to_thread(
                store_end, self.sessions, self.held, self.verdict.counts, self._lines, work
            )

    def _fail(self, error: Exception) -> None:
        self.failure = error
        if self.failed is not None and not self.failed.done():
            self.failed.set_result(None)
        expected = isinstance(error, DatabaseLost | RunLost)
        if not expected:
            logger.error("the writer failed", exc_info=error)
        stop_crawl(self.crawler, "database_lost", error_line(error, with_type=not expected))

    def _what_is_left(self, run_id: int) -> str:
        with Session(self.engine) as session:
            counts = {state: count(session, run_id, state) for state in (QUEUED, LEASED, FAILED, DONE)}
        return (
            f"run {run_id} is given up, with {counts[QUEUED] + counts[LEASED]} pages that were not fetched and "
            f"{counts[FAILED]} that failed; {counts[DONE]} were done"
        )

    def engine_stopped(self) -> None:
        if self._lines is not None:
            logging.root.removeHandler(self._lines)
        self.engine.dispose()


def partition_engine(settings: BaseSettings) -> Callable[[ClaimedRun], PartitionEngine] | None:
    """Return what makes the engine that WORKERS_URL names; None for a run that is not shared, or without a broker.

    Raises:
        CannotStart: WORKERS_URL cannot be used. No run was begun.
    """
    url = settings["WORKERS_URL"]
    if not url or not settings.getbool("RUN_SHARED", False):
        return None
    make: MakePartitionEngine = load_object(settings["PARTITION_ENGINE"])
    try:
        return make(url, partitions_of(settings))
    except ValueError as error:
        raise CannotStart(str(error)) from None


def partitions_of(settings: BaseSettings) -> int:
    """Return into how many partitions a new shared run divides its hosts.

    Raises:
        CannotStart: RUN_PARTITIONS is too small or too large.
    """
    partitions = settings.getint("RUN_PARTITIONS", PARTITIONS)
    if not 1 <= partitions <= MOST_PARTITIONS:
        raise CannotStart(f"RUN_PARTITIONS is {partitions}: write a number from 1 to {MOST_PARTITIONS}")
    return partitions


def claim(
    sessions: sessionmaker[Session], spider: str, arguments: Mapping[str, Any], settings: BaseSettings
) -> ClaimedRun:
    """Claim the run that the settings ask for: the scope's own, a trial, or its last run with the failed pages.

    Raises:
        AlreadyRunning: another process has the run.
        CannotStart: with RUN_FAILED_ONLY, the scope has no finished run; with RUN_SHARED, the run cannot be shared.
        NothingToDo: with RUN_FAILED_ONLY, the last run has no failed page; the order RUN_ORDER was carried out before.
    """
    pages = settings.getint("RUN_TRIAL_PAGES", 0)
    order = settings.getint("RUN_ORDER", 0) or None
    try:
        if pages:
            return begin_trial(sessions, spider, arguments, pages, order=order)
        if settings.getbool("RUN_FAILED_ONLY", False):
            return reopen_run(sessions, spider, arguments, order=order)
        if settings.getbool("RUN_SHARED", False):
            return join_run(
                sessions,
                spider,
                arguments,
                partitions=partitions_of(settings),
                fresh=settings.getbool("RUN_FRESH", False),
                only=settings.getint("RUN_JOIN", 0) or None,
                order=order,
            )
        return claim_run(sessions, spider, arguments, fresh=settings.getbool("RUN_FRESH", False), order=order)
    except RunIsAlive as alive:
        raise AlreadyRunning(str(alive)) from None
    except (CannotReopen, CannotShare) as error:
        raise CannotStart(str(error)) from None
    except (NoFailedPage, OrderIsOver, RunIsOver) as error:
        raise NothingToDo(str(error)) from None


def how(run: ClaimedRun) -> str:
    """Return how a crawl continues or begins its run, for the log."""
    if run.again:
        return f"goes on with {run.again} pages that had failed or were refused"
    if run.trial_pages is not None:
        return f"begins, {trial_of(run.trial_pages)}"
    shared = f", shared as worker {run.worker}" if run.is_shared else ""
    return ("goes on" if run.resumed else "begins") + shared


def stats_of(counts: RunStats, *, history: bool) -> dict[str, int]:
    """Return the stats at the end of a process: the counts of the run, as ``scrapy runs`` shows them.

    Until then the stats count the work of this process. Without a history the counts of changes stay so.
    """
    tables = {*counts.rows, *counts.rejected, *(name.partition("/")[0] for name in counts.changes)}
    changes = {
        f"{table}/{kind}": counts.changes.get(f"{table}/{kind}", 0) for table in tables for kind in KINDS
    }
    return {
        **{f"pages/{state}": counts.pages.get(state, 0) for state in (DONE, FAILED, REFUSED, SKIPPED)},
        **{f"{UNCHANGED_PAGES}{how}": number for how, number in counts.unchanged.items()},
        **{f"{RENDERING_PAGES}{how}": number for how, number in counts.rendering.items()},
        **{f"rows/{table}/rejected": counts.rejected.get(table, 0) for table in tables},
        **{f"rows/{name}": number for name, number in (changes if history else counts.changes).items()},
        "rows/stored": sum(counts.rows.values()),
        "rows/rejected": sum(counts.rejected.values()),
        "items/merged": counts.merged,
    }
