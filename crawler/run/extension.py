"""A run: taken hold of before the first page is asked for, written to while the crawl goes on, let go at its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import platform
import resource
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.utils.misc import load_object
from sqlalchemy.orm import Session

from crawler.log_ids import current_run
from crawler.page import PageWriter
from crawler.stopping import AlreadyRunning, stop_crawl, stopped_because
from crawler.verdict import GOOD, INTERRUPTED, NOT_STORED, Ending, Policy, Verdict
from models.request import DONE, FAILED, LEASED, QUEUED, NewRequest, count
from models.run import HeldRun, RunIsAlive, hold_run
from models.schema import check_schema
from models.session import check_connection, make_engine, make_sessions, shown

logger = logging.getLogger("splashdown.run")


class RunExtension:
    """Not there with ``RUN_ENABLED = False``, as in ``scrapy shell``: then nothing is stored.

    Raises:
        DatabaseUnusable: what to do about the database, in one line.
        AlreadyRunning: another process is at the run.
    """

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("RUN_ENABLED", True) or crawler.spider is None:
            raise NotConfigured
        self.crawler = crawler
        settings = crawler.settings
        self.engine = make_engine(settings["DATABASE_URL"])
        check_connection(self.engine)
        check_schema(self.engine)
        self.sessions = make_sessions(self.engine)
        spider = crawler.spider
        try:
            self.held: HeldRun = hold_run(
                self.sessions,
                spider.name,
                getattr(spider, "arguments", {}),
                fresh=settings.getbool("RUN_FRESH", False),
            )
        except RunIsAlive as alive:
            raise AlreadyRunning(str(alive)) from None
        current_run.set(self.held)
        self.began = time.monotonic()
        self.verdict: Verdict | None = None  # when the run was let go of
        self.failure: Exception | None = None
        self.failed: asyncio.Future[None] | None = None
        # Requests that are nowhere but in memory until their row is committed: they make a session.
        self.held_back: dict[int, Request] = {}
        self.queues: Callable[[], Mapping[str, int]] = dict  # how many requests wait, by where
        self.admits: Callable[[NewRequest], bool] = lambda _: True
        self._writer: Any = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.engine_stopped, signals.engine_stopped)
        return extension

    @classmethod
    def of(cls, crawler: Crawler) -> RunExtension | None:
        """The crawl's run, if it stores anything."""
        return crawler.get_extension(cls)

    @property
    def writes(self) -> bool:
        """Whether the writer is there: from ``start`` on."""
        return self._writer is not None

    @property
    def writer(self) -> PageWriter:
        assert self._writer is not None
        writer: PageWriter = self._writer
        return writer

    def start(self) -> None:
        """Begin to write; called on the event loop."""
        # What is loaded by now stays: the collector of garbage need not look at it again and again (a tenth of the
        # time that a stored row takes).
        gc.freeze()
        held = self.held
        if held.left is not None:
            logger.warning("%s: %s", held.spider, self._what_is_left(held.left))
        logger.info(
            "run %d of %s %s; it writes to %s",
            held.id,
            held.spider,
            "goes on" if held.resumed else "begins",
            shown(self.engine.url),
        )
        loop = asyncio.get_running_loop()
        self.failed = loop.create_future()
        make_writer = load_object(self.crawler.settings["PAGE_WRITER"])
        self._writer = make_writer(
            self.sessions,
            held,
            self.crawler.settings,
            loop=loop,
            failed=self._fail,
            admits=lambda request: self.admits(request),
            policy=Policy.from_settings(
                self.crawler.settings, has_model=getattr(self.crawler.spider, "model", None) is not None
            ),
            versions={name: version(name) for name in ("splashdown", "scrapy", "scrapy-splash", "sqlalchemy")}
            | {"python": platform.python_version()},
        )
        self._writer.start()

    async def or_failed(self, future: asyncio.Future[Any]) -> Any:
        """The future's result, or the error of a writer that ended before it came."""
        assert self.failed is not None
        await asyncio.wait({future, self.failed}, return_when=asyncio.FIRST_COMPLETED)
        if self.failure is not None:
            raise self.failure
        return future.result()

    async def finish(self, reason: str, *, covered: bool, message: str | None = None) -> None:
        """Commit what is waiting and let go of the run; its verdict is known then."""
        ending = Ending(
            reason=reason,
            covered=covered,
            message=stopped_because(self.crawler) or message,
            seconds=round(time.monotonic() - self.began, 3),
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
        if self.failure is None and self._writer is not None:
            try:
                self.verdict = await self._writer.finish(ending)
            except Exception as error:  # whatever it is: what was not stored must be seen
                self._fail(error)
        if self.failure is not None:
            lost = type(self.failure).__name__ == "RunLost"
            self.verdict = Verdict(
                code=INTERRUPTED if lost else NOT_STORED,
                reasons=(stopped_because(self.crawler) or str(self.failure),),
            )
        assert self.verdict is not None and self.crawler.stats is not None
        for table, number in self.verdict.gone.items():
            self.crawler.stats.inc_value(f"rows/{table}/gone", number)
        self.crawler.stats.set_value("run/verdict", self.verdict.code)
        self.crawler.stats.set_value("run/verdict_reasons", list(self.verdict.reasons))
        logger.log(
            logging.INFO if self.verdict.code == GOOD else logging.ERROR,
            "run %d of %s: %s (exit code %d)%s",
            self.held.id,
            self.held.spider,
            self.verdict.word,
            self.verdict.code,
            "".join(
                f"; {reason}" for reason in self.verdict.reasons if reason != stopped_because(self.crawler)
            ),
        )

    def _fail(self, error: Exception) -> None:
        self.failure = error
        if self.failed is not None and not self.failed.done():
            self.failed.set_result(None)
        expected = type(error).__name__ in ("DatabaseLost", "RunLost")
        if not expected:
            logger.error("the writer failed", exc_info=error)
        stop_crawl(
            self.crawler, "database_lost", f"{error}" if expected else f"{type(error).__name__}: {error}"
        )

    def _what_is_left(self, run_id: int) -> str:
        with Session(self.engine) as session:
            counts = {state: count(session, run_id, state) for state in (QUEUED, LEASED, FAILED, DONE)}
        return (
            f"run {run_id} is given up, with {counts[QUEUED] + counts[LEASED]} pages that were not fetched and "
            f"{counts[FAILED]} that failed; {counts[DONE]} were done"
        )

    def engine_stopped(self) -> None:
        self.engine.dispose()
