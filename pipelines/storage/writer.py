"""The writer: one thread that writes everything of a run into the database, page by page.

The thread commits pages together, in the order in which they were completed. Each transaction begins with
``models.run_transaction.begin_transaction``, which locks the run's row, and checks the owner and the number of the
transaction.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from scrapy.settings import BaseSettings
from sqlalchemy.orm import Session, sessionmaker

from crawler.delta.settings import DeltaSettings
from crawler.page.commit import Commit, Committed
from crawler.run.verdict import Ending, Policy, Verdict
from models.host import store_wait, waits_of_hosts
from models.request import (
    FrontierState,
    Leased,
    NewRequest,
    lease,
    parts_with_queued,
    recover_frontier,
    release,
)
from models.run import ClaimedRun, database_now
from models.shared_run import give_up, hold_end, note_busy
from models.worker import PartitionsLost, Tenure, hold_partitions
from pipelines.storage.commit_pages import commit_pages
from pipelines.storage.finish_run import finish_run
from pipelines.storage.leave_run import leave, leave_ended
from pipelines.storage.retry import Transactions
from pipelines.storage.run_context import RunContext
from pipelines.storage.silence_watch import SilenceWatch
from pipelines.storage.waiting_rows import awaited_parents, store_waiting_rows_at_end

logger = logging.getLogger(__name__)

T = TypeVar("T")

HEARTBEAT = 5.0  # seconds between heartbeats
# Seconds. After every answer of the database this thread waits for Python's lock. Python's default of 5 ms,
# ten times a transaction, takes longer than the transaction. One millisecond takes half as long as the
# transaction.
HANDOVER = 0.0003
LONGEST_BATCH = 1.0  # seconds that a page waits for others, however many workers the run has


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pending:
    """A page that waits to be committed."""

    commit: Commit
    weight: int
    done: Callable[[Committed], None]
    since: float = field(default_factory=time.monotonic)


class Writer(threading.Thread):
    """The thread that commits pages, leases requests and writes heartbeats.

    Args:
        sessions: makes the session of each transaction.
        context: the run, and the settings of its transactions.
        loop: the event loop that calls the callbacks.
        failed: called on the loop with the error that ended the writer; later pages are not stored.
        batch_weight: rows, roughly, in one transaction.
        batch_age: seconds that a page waits for others to share its transaction, if the run has one worker.
        patience: for so many seconds a transaction is repeated while the database does not answer.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        context: RunContext,
        *,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[Exception], None],
        batch_weight: int = 500,
        batch_age: float = 0.1,
        patience: float = 900.0,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self.context, self.loop, self.failed = context, loop, failed
        self.batch_weight, self.batch_age = batch_weight, batch_age
        self.transactions = Transactions(sessions, context.run, patience=patience)
        self.watch: SilenceWatch | None = None
        if context.run.is_shared:
            self.watch = SilenceWatch(sessions.kw["bind"], lambda: self.transactions.began_at)
        self.weight = 0
        self.error: Exception | None = None
        self._wake = threading.Condition()
        self._pages: deque[_Pending] = deque()
        self._tasks: deque[Callable[[], None]] = deque()
        self._flush_now = False
        self._closing = False
        self._due: float | None = None  # when the next batch is committed, in monotonic seconds
        self._in_work: float | None = None  # since when the oldest page of the current batch waits
        self._timed = (0, 0.0)
        self._context = contextvars.copy_context()  # the thread's log lines have the run's id too

    # --- From the event loop's thread -----------------------------------------------------------------------

    @property
    def commits(self) -> int:
        """Return how many transactions of the run are committed."""
        return self.transactions.number

    @property
    def backlog(self) -> int:
        """Return the weight of the pages that wait, rows roughly."""
        return self.weight

    @property
    def lag(self) -> float:
        """Return the age of the oldest page that is not committed, in seconds; 0 if none waits."""
        with self._wake:
            oldest = self._in_work or (self._pages[0].since if self._pages else None)
        return time.monotonic() - oldest if oldest is not None else 0.0

    @property
    def commits_timed(self) -> tuple[int, float]:
        """Return the number of committed batches, and the seconds that their transactions took."""
        return self._timed

    def put(self, commit: Commit, done: Callable[[Committed], None]) -> None:
        """Queue a page; ``done`` is called on the loop when it is committed."""
        pending = _Pending(commit=commit, weight=commit.weight, done=done)
        with self._wake:
            self._pages.append(pending)
            self.weight += pending.weight
            if len(self._pages) == 1 or self.weight >= self.batch_weight:
                self._wake.notify()

    def call(self, work: Callable[[Session], T], done: Callable[[T], Any] = lambda _: None) -> None:
        """Do the work in a transaction of its own, and call ``done`` with its result on the loop."""
        self._send(lambda: self._tell(done, self.transactions.run(work)))

    def lease(
        self,
        limit: int,
        done: Callable[[list[Leased]], None],
        waiting_hosts: Sequence[str] = (),
        tenures: Collection[Tenure] = (),
    ) -> None:
        """Lease the next requests that are not for these hosts, and call ``done`` with them on the loop.

        Args:
            tenures: of a shared run: only requests of these partitions. Those that were lost meanwhile have none.
        """
        run = self.context.run

        def find(session: Session, held: Collection[Tenure]) -> list[Leased]:
            parts = sorted(one.part for one in held) if run.is_shared else (0,)
            found = lease(session, run.id, limit, database_now(session), waiting_hosts, parts)
            if found and run.is_shared:
                note_busy(session, run)
            return found

        def task() -> None:
            with_queued = self._with_queued(tenures) if run.is_shared else ()
            is_empty = run.is_shared and not with_queued
            self._tell(done, [] if is_empty else self._run_held(find, with_queued))

        self._send(task)

    def _with_queued(self, tenures: Collection[Tenure]) -> list[Tenure]:
        """Return those of the tenures whose partitions have a queued request.

        This only reads, so it is no transaction of the run, and the server writes nothing to its disk.
        """
        run_id, parts = self.context.run.id, [one.part for one in tenures]
        found = self.transactions.retry(lambda session: parts_with_queued(session, run_id, parts))
        return [one for one in tenures if one.part in found]

    def release(self, numbers: list[int], tenures: Collection[Tenure] = ()) -> None:
        """Queue leased requests again.

        Args:
            tenures: of a shared run: only requests of these partitions.
        """
        run = self.context.run

        def queue(session: Session, held: Collection[Tenure]) -> None:
            release(session, run.id, numbers, [one.part for one in held] if run.is_shared else None)

        self._send(lambda: self._run_held(queue, tenures))

    def give_up(self, tenures: Collection[Tenure], done: Callable[[None], None]) -> None:
        """Give up partitions of a shared run that this worker still has, and call ``done`` on the loop."""
        run = self.context.run
        self._send(
            lambda: self._tell(
                done, self._run_held(lambda session, held: give_up(session, run, held), tenures)
            )
        )

    def wait_for_host(self, host: str, seconds: float) -> None:
        """Store that no request may be made to the host for so many seconds."""
        run_id = self.context.run.id

        def store(session: Session) -> None:
            store_wait(session, run_id, host, database_now(session) + timedelta(seconds=seconds))

        self.call(store)

    def _run_held(
        self,
        work: Callable[[Session, Collection[Tenure]], T],
        tenures: Collection[Tenure],
    ) -> T:
        """Do the work in a transaction that holds the tenures; those that other workers have taken are left out."""
        known = set(tenures)

        def attempt(session: Session) -> T:
            hold_partitions(session, self.context.run.id, known)
            return work(session, known)

        while True:
            try:
                return self.transactions.run(attempt)
            except PartitionsLost as lost:
                known -= lost.tenures

    def recover_frontier(self, done: Callable[[FrontierState], None]) -> None:
        """Queue leased and failed requests again, and call ``done`` with the frontier's state on the loop."""
        run = self.context.run

        def task() -> None:
            def recover(session: Session) -> FrontierState:
                state = recover_frontier(session, run.id, start_read=run.start_read)
                self.context.awaited.update(awaited_parents(session, run.id))
                return replace(state, host_waits=waits_of_hosts(session, database_now(session)))

            self._tell(done, self.transactions.run(recover))

        self._send(task)

    async def finish(self, ending: Ending) -> Verdict:
        """Commit the pages that wait, end the run or leave it to be resumed, and end the thread.

        Raises:
            Exception: the error that ended the writer before, or that ends it now.
        """
        await self.close()
        if self.error is not None:
            raise self.error
        return await asyncio.to_thread(self._finish, ending)

    def _finish(self, ending: Ending) -> Verdict:
        context, run = self.context, self.context.run
        try:
            if run.is_shared and not ending.covered:
                return self.transactions.run(lambda session: leave(session, run, ending))
            if run.is_shared:
                self.transactions.fence = lambda session: hold_end(session, run)
            store_waiting_rows_at_end(self.transactions, context)
            verdict = self.transactions.run(lambda session: finish_run(session, context, ending))
            if run.is_shared:
                self.transactions.fence = lambda _: None
                self.transactions.run(lambda session: leave_ended(session, run))
            return verdict
        finally:
            if self.watch is not None:
                self.watch.stop()
            self.transactions.disconnect()

    def note_workers(self, number: int) -> None:
        """Collect pages for longer if the run has more workers, so that together they do not make more transactions."""
        self.context.workers = number

    def flush_soon(self) -> None:
        """Commit the pages that wait without waiting for more."""
        with self._wake:
            if self._pages and not self._flush_now:
                self._flush_now = True
                self._wake.notify()

    async def close(self) -> None:
        """Commit the pages that wait and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self.join)

    def _send(self, task: Callable[[], None]) -> None:
        with self._wake:
            self._tasks.append(task)
            self._wake.notify()

    # --- In the writer's thread -----------------------------------------------------------------------------

    def run(self) -> None:
        usual = sys.getswitchinterval()
        sys.setswitchinterval(min(usual, HANDOVER))
        if self.watch is not None:
            self.watch.start()
        try:
            self._context.run(self._serve)
        finally:
            sys.setswitchinterval(usual)

    def _serve(self) -> None:
        try:
            while self._work():
                pass
        except Exception as error:
            self.error = error
            self._tell(self.failed, error)
        finally:
            self.transactions.disconnect()

    def _work(self) -> bool:
        tasks, batch = self._next()
        for task in tasks:
            task()
        if batch:
            began = time.monotonic()
            outcome = commit_pages(self.transactions, self.context, [pending.commit for pending in batch])
            number, seconds = self._timed
            self._timed = number + 1, seconds + time.monotonic() - began
            with self._wake:
                self._in_work = None
                self.weight -= sum(pending.weight for pending in batch)
            self._tell(self._settle, list(zip(batch, outcome, strict=True)))
        elif not tasks:
            if self._closing:
                return False
            self.transactions.run(lambda _: None)  # a heartbeat
        return True

    def _next(self) -> tuple[list[Callable[[], None]], list[_Pending]]:
        """Return the next tasks and the next batch; neither if a heartbeat is due or the thread shall end.

        Tasks do not wait for a batch, and a batch waits for pages while tasks are done.
        """
        with self._wake:
            if not self._pages and not self._tasks and not self._closing:
                self._wake.wait(HEARTBEAT)
            if self._pages and self._due is None:
                self._due = time.monotonic() + batch_wait(self.batch_age, self.context.workers)
            while not self._tasks and (left := self._seconds_until_batch()) > 0:
                self._wake.wait(left)
            tasks = list(self._tasks)
            self._tasks.clear()
            batch: list[_Pending] = []
            if self._seconds_until_batch() > 0:
                return tasks, batch
            self._flush_now, self._due = False, None
            weight = 0
            while self._pages and (not batch or weight < self.batch_weight):
                weight += self._pages[0].weight
                batch.append(self._pages.popleft())
            self._in_work = batch[0].since if batch else None
            return tasks, batch

    def _seconds_until_batch(self) -> float:
        """Return how long the pages that wait go on waiting for others; 0 if none waits."""
        if self._due is None or self._flush_now or self._closing or self.weight >= self.batch_weight:
            return 0.0
        return self._due - time.monotonic()

    def _settle(self, outcome: Sequence[tuple[_Pending, Committed]]) -> None:
        for pending, committed in outcome:
            try:
                pending.done(committed)
            except Exception:  # the callbacks of the other pages are called all the same
                logger.exception("a page was committed, and the callback after its commit raised an error")

    def _tell(self, callback: Callable[[T], Any], value: T) -> None:
        try:
            self.loop.call_soon_threadsafe(callback, value)
        except RuntimeError:  # the loop is closed: the crawl was stopped at once
            logger.debug("the event loop is closed: no callback for the last commit")


def batch_wait(age: float, workers: int) -> float:
    """Return the seconds that a page waits for others: ten workers together make no more transactions than one."""
    return min(age * workers, LONGEST_BATCH)


def make_writer(
    sessions: sessionmaker[Session],
    run: ClaimedRun,
    settings: BaseSettings,
    *,
    loop: asyncio.AbstractEventLoop,
    failed: Callable[[Exception], None],
    fits_in_window: Callable[[NewRequest], bool],
    policy: Policy,
    versions: Mapping[str, str],
) -> Writer:
    """Return a writer with the values of the settings (the setting PAGE_WRITER names this function)."""
    context = RunContext(
        run=run,
        history=settings.getbool("HISTORY_ENABLED", True),
        outbox=settings.getbool("OUTBOX_ENABLED", False),
        delta=DeltaSettings.of(settings).enabled,
        gone_limit=settings.getfloat("GONE_LIMIT", 0.2),
        policy=policy,
        versions=versions,
        fits_in_window=fits_in_window,
    )
    return Writer(
        sessions,
        context,
        loop=loop,
        failed=failed,
        batch_weight=settings.getint("DATABASE_BATCH_ROWS", 500),
        patience=settings.getfloat("DATABASE_PATIENCE", 900.0),
    )
