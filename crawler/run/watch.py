"""RunWatch: every two seconds a crawl looks for the orders for its run, and stores its new log lines.

Every few seconds the same transaction stores a sample (crawler/run/samples.py) and the pages by host
(crawler/run/host_rates.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from crawler.logs.recent_lines import RecentLines
from crawler.run.host_rates import HostRates
from crawler.run.interfaces import PageWriter
from crawler.run.samples import RunSamples, Taken
from models.command_name import command
from models.error_text import error_line
from models.host_rate import forget_rates, replace_rates
from models.run import ClaimedRun, database_now, lock_run
from models.run_log import store_log_lines
from models.run_orders import Ordered, carry_out
from models.run_sample import Work, sample_of, store_sample
from models.run_stats import RunStats

logger = logging.getLogger("splashdown.run")

LOOK = 2.0  # seconds between two looks


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one look has found and stored."""

    ordered: Ordered
    last_line: int = 0  # the number of the last log line
    taken: Taken | None = None


class RunWatch:
    """Carries out the orders for a run: STOP, PAUSE and RESUME.

    Args:
        writer: reads and writes in its transactions.
        rates: the pages by host of this process; None: they are not stored.
        lines: the log lines of the run; None: they are not stored.
        stop: stops the crawl as SIGTERM does, and says why. Returns False if the crawl cannot be stopped yet.
        wake: makes the engine ask for requests again.
    """

    def __init__(
        self,
        run: ClaimedRun,
        writer: PageWriter,
        *,
        stop: Callable[[str], bool],
        wake: Callable[[], None],
        samples: RunSamples | None = None,
        rates: HostRates | None = None,
        lines: RecentLines | None = None,
    ) -> None:
        self._samples, self._rates, self._lines = samples, rates, lines
        self.run, self._writer, self._stop, self._wake = run, writer, stop, wake
        self.is_paused = False
        self._stop_reason: str | None = None
        self._is_stopped = self._is_closed = self._is_looking = False
        self._first: asyncio.Future[None] | None = None

    def start(self) -> asyncio.Future[None]:
        """Look at once, and then every two seconds; the future is done when the first look is."""
        self._loop = asyncio.get_running_loop()
        self._first = self._loop.create_future()
        self._tick()
        return self._first

    def close(self) -> None:
        """Look no more: the crawl ends."""
        self._is_closed = True

    def _tick(self) -> None:
        if self._is_closed:
            return
        self._loop.call_later(LOOK, self._tick)
        if self._is_looking:  # the database is away, or busy
            return
        self._is_looking = True
        self._writer.call(self._look(), self._found)

    def _look(self) -> Callable[[Session], Looked]:
        """Return the work of one look, which may be repeated after a lost connection."""
        run = self.run
        lines = self._lines.pending() if self._lines is not None else ()
        keep = self._lines.keep if self._lines is not None else 0
        sample = self._samples.due() if self._samples is not None else None
        rates = self._rates.due() if self._rates is not None else None

        def work(session: Session) -> Looked:
            ordered = carry_out(session, run)
            if run.is_shared and (lines or sample is not None):  # the numbers of other workers come between
                lock_run(session, run.id)
            if lines:
                store_log_lines(session, run.id, [line for _, line in lines], keep=keep)
            taken = sample(session) if sample is not None else None
            if rates is not None:
                replace_rates(session, run, rates, database_now(session))
            return Looked(ordered=ordered, last_line=lines[-1][0] if lines else 0, taken=taken)

        return work

    def _found(self, looked: Looked) -> None:
        self._is_looking = False
        ordered = looked.ordered
        if self._lines is not None:
            self._lines.stored(looked.last_line)
        if self._samples is not None and looked.taken is not None:
            self._samples.taken(looked.taken)
        if ordered.stopped_by is not None and self._stop_reason is None:
            self._stop_reason = f"stopped by an order of {ordered.stopped_by}"
        self._set_pause(ordered)
        if self._first is not None and not self._first.done():
            self._first.set_result(None)
        self._stop_if_ordered()

    def _set_pause(self, ordered: Ordered) -> None:
        is_paused = ordered.paused_by is not None
        if is_paused == self.is_paused:
            return
        self.is_paused = is_paused
        run = f"run {self.run.id} of {self.run.spider}"
        if ordered.paused_at is not None:
            logger.warning(
                "%s is paused by %s since %s UTC: no new pages; `%s` continues it",
                run,
                ordered.paused_by,
                f"{ordered.paused_at:%F %T}",
                command(f"runs resume {self.run.id}"),
            )
        else:
            logger.warning("%s is not paused any more: it continues", run)
            self._wake()

    def _stop_if_ordered(self) -> None:
        if self._stop_reason is None or self._is_stopped or self._is_closed:
            return
        self._is_stopped = self._stop(self._stop_reason)
        if not self._is_stopped:  # the engine has not started
            self._loop.call_later(0.1, self._stop_if_ordered)


def store_end(
    sessions: sessionmaker[Session],
    run: ClaimedRun,
    counts: RunStats | None,
    lines: RecentLines | None,
    work: Callable[[Session], Work],
) -> None:
    """Store the last sample and the last log lines of a crawl that has released its run; another may have it now.

    Args:
        counts: of the run; None: another worker has the run, or has counted it.
        work: RunSamples.at_end()
    """
    try:
        with sessions.begin() as session:
            lock_run(session, run.id)
            done = work(session)
            if counts is not None:
                done = replace(done, rows=max(done.rows, sum(counts.rows.values())))
                sample = replace(sample_of(counts.pages), **asdict(done))
                store_sample(session, run.id, sample, database_now(session))
            if lines is not None:
                stored = [line for _, line in lines.pending()]
                store_log_lines(session, run.id, stored, keep=lines.keep)
        with sessions.begin() as session:
            forget_rates(session, run, database_now(session))
    except SQLAlchemyError as error:  # the run itself is stored
        logger.debug("the last log lines are not stored: %s", error_line(error))
