"""The writer: one thread through which everything of a run goes into the database, page by page.

Pages are committed together, in the order in which they came. Each transaction begins by locking the run's row and
checking that the run is still ours and that the last transaction is the one we think it is (``models.run.fence``).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from scrapy.settings import BaseSettings
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from crawler.page import Commit, Committed, plain_item
from crawler.row import Rejection
from crawler.verdict import Ending, Policy, Verdict
from models.request import Inventory, Leased, NewRequest, lease, release, take_stock
from models.run import HeldRun, database_now, fence
from pipelines.finish import finish_run
from pipelines.target import Target
from pipelines.transaction import refused_rows, write_pages
from pipelines.transient import is_transient

logger = logging.getLogger(__name__)

T = TypeVar("T")

HEARTBEAT = 5.0  # seconds between signs of life
# After every answer of the database this thread waits for its turn. Python's own 5 ms, ten times a transaction, are
# longer than the transaction, and one millisecond is half of it.
HANDOVER = 0.0003
LONGEST_PAUSE = 5.0  # seconds between two attempts


class DatabaseLost(Exception):
    """The database went away and did not come back in time; what was committed before is safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pending:
    commit: Commit
    weight: int
    done: Callable[[Committed], None]
    since: float = field(default_factory=time.monotonic)


class Writer(threading.Thread):
    """Commits pages, hands out leases and shows that the run is alive.

    Args:
        sessions: makes the session of each transaction.
        target: the run, and what is written beside the rows.
        loop: where callbacks are called.
        failed: called, on the loop, with the error that ended the writer; what came after is not stored.
        batch_weight: rows, roughly, in one transaction.
        batch_age: seconds that a page waits for others to share its transaction.
        patience: seconds during which a lost database is tried again.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        target: Target,
        *,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[Exception], None],
        batch_weight: int = 500,
        batch_age: float = 0.1,
        patience: float = 900.0,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self.sessions, self.target, self.loop, self.failed = sessions, target, loop, failed
        self.batch_weight, self.batch_age, self.patience = batch_weight, batch_age, patience
        self.commits = target.run.commits
        self.weight = 0
        self.error: Exception | None = None
        self.lost_since: float | None = None
        self._wake = threading.Condition()
        self._pages: deque[_Pending] = deque()
        self._errands: deque[Callable[[], None]] = deque()
        self._hurry = False
        self._closing = False
        self._in_work: float | None = None  # since when the oldest page waits that is being committed
        self._timed = (0, 0.0)
        self._connection: Connection | None = None
        self._context = contextvars.copy_context()  # what the thread logs is the run's as well

    # --- From the event loop's thread -------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        return self.weight

    @property
    def lag(self) -> float:
        with self._wake:
            oldest = self._in_work or (self._pages[0].since if self._pages else None)
        return time.monotonic() - oldest if oldest is not None else 0.0

    @property
    def commits_timed(self) -> tuple[int, float]:
        return self._timed

    def put(self, commit: Commit, done: Callable[[Committed], None]) -> None:
        pending = _Pending(commit=commit, weight=commit.weight, done=done)
        with self._wake:
            self._pages.append(pending)
            self.weight += pending.weight
            if len(self._pages) == 1 or self.weight >= self.batch_weight:
                self._wake.notify()

    def lease(self, limit: int, done: Callable[[list[Leased]], None]) -> None:
        def errand() -> None:
            run = self.target.run

            def find(session: Session) -> list[Leased]:
                return lease(session, run.id, limit, database_now(session))

            self._tell(done, self._transaction(find))

        self._send(errand)

    def release(self, numbers: list[int]) -> None:
        run_id = self.target.run.id
        self._send(lambda: self._transaction(lambda session: release(session, run_id, numbers)))

    def take_stock(self, done: Callable[[Inventory], None]) -> None:
        run = self.target.run

        def errand() -> None:
            look = self._transaction(lambda session: take_stock(session, run.id, start_read=run.start_read))
            self._tell(done, look)

        self._send(errand)

    async def finish(self, ending: Ending) -> Verdict:
        """Commit what is waiting, end the run or leave it to be resumed, and end the thread.

        Raises:
            Exception: what ended the writer before, or ends it now.
        """
        await self.close()
        if self.error is not None:
            raise self.error
        return await asyncio.to_thread(self._finish, ending)

    def _finish(self, ending: Ending) -> Verdict:
        target = self.target
        try:
            return self._transaction(lambda session: finish_run(session, target, ending, self.commits))
        finally:
            self._disconnect()

    def hurry(self) -> None:
        with self._wake:
            if self._pages and not self._hurry:
                self._hurry = True
                self._wake.notify()

    async def close(self) -> None:
        """Commit what is waiting and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self.join)

    def _send(self, errand: Callable[[], None]) -> None:
        with self._wake:
            self._errands.append(errand)
            self._wake.notify()

    # --- In the writer's thread ---------------------------------------------------------------------------------

    def run(self) -> None:
        usual = sys.getswitchinterval()
        sys.setswitchinterval(min(usual, HANDOVER))
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
            self._disconnect()

    def _work(self) -> bool:
        errands, batch = self._next()
        for errand in errands:
            errand()
        if batch:
            began = time.monotonic()
            outcome = self._commit([pending.commit for pending in batch])
            number, seconds = self._timed
            self._timed = number + 1, seconds + time.monotonic() - began
            with self._wake:
                self._in_work = None
                self.weight -= sum(pending.weight for pending in batch)
            self._tell(self._settle, list(zip(batch, outcome, strict=True)))
        elif not errands:
            if self._closing:
                return False
            self._transaction(lambda _: None)  # a sign of life
        return True

    def _next(self) -> tuple[list[Callable[[], None]], list[_Pending]]:
        """What is to be done next; nothing when it is time for a sign of life, or to end."""
        with self._wake:
            if not self._pages and not self._errands and not self._closing:
                self._wake.wait(HEARTBEAT)
            until = time.monotonic() + self.batch_age
            while (
                self._pages
                and self.weight < self.batch_weight
                and not (self._hurry or self._closing or self._errands)
                and (left := until - time.monotonic()) > 0
            ):
                self._wake.wait(left)
            self._hurry = False
            errands = list(self._errands)
            self._errands.clear()
            batch: list[_Pending] = []
            weight = 0
            while self._pages and (not batch or weight < self.batch_weight):
                weight += self._pages[0].weight
                batch.append(self._pages.popleft())
            self._in_work = batch[0].since if batch else None
            return errands, batch

    def _settle(self, outcome: Sequence[tuple[_Pending, Committed]]) -> None:
        for pending, committed in outcome:
            try:
                pending.done(committed)
            except Exception:  # the next ones are to hear of theirs all the same
                logger.exception("a page was committed, and what comes after failed")

    def _tell(self, callback: Callable[[T], Any], value: T) -> None:
        try:
            self.loop.call_soon_threadsafe(callback, value)
        except RuntimeError:  # the loop is closed: the crawl was torn down the hard way
            logger.debug("nobody is left to hear of the last commit")

    def _commit(self, commits: Sequence[Commit]) -> list[Committed]:
        """Commit the pages together; where the database refuses a row, find it and commit the rest."""
        try:
            return self._transaction(lambda session: write_pages(session, self.target, commits, self.commits))
        except SQLAlchemyError as error:
            if len(commits) > 1:
                middle = len(commits) // 2
                return self._commit(commits[:middle]) + self._commit(commits[middle:])
            accepted = self._without_refused(commits[0])
            if len(accepted.rows) == len(commits[0].rows):
                raise  # it is not for its rows that the page is refused
            logger.debug("a page was refused for some of its rows: %s", error)
            return self._commit([accepted])

    def _without_refused(self, commit: Commit) -> Commit:
        """The page with its unstorable rows as rejected items."""

        def search(session: Session) -> list[tuple[Any, str]]:
            found = refused_rows(session, self.target, commit.rows)
            session.rollback()
            return found

        refused = self._patiently(search)
        reasons = {id(row): reason for row, reason in refused}
        for row, reason in refused:
            logger.warning("%s: %s", row, reason)
        return replace(
            commit,
            rows=tuple(row for row in commit.rows if id(row) not in reasons),
            rejections=(
                *commit.rejections,
                *(
                    Rejection(
                        model=row.model,
                        item=plain_item({**row.values, **row.children}),
                        reasons={"": reason},
                        key=row.key,
                    )
                    for row, reason in refused
                ),
            ),
        )

    def _transaction(self, work: Callable[[Session], T]) -> T:
        """Do the work in a transaction of the run, once, also where the answer to its COMMIT is lost."""
        results: list[T] = []

        def attempt(session: Session) -> None:
            with session.begin():
                if fence(session, self.target.run, self.commits):
                    results[:] = [work(session)]

        self._patiently(attempt)
        self.commits += 1
        return results[0]

    def _connected(self) -> Connection:
        """The writer's connection, kept from one transaction to the next.

        To give it back to the pool and take it again is two questions to the database. That it is still there
        shows in the first statement of a transaction, which is the one to be repeated if it is not.
        """
        if self._connection is None:
            bind = self.sessions.kw["bind"]
            self._connection = bind.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _patiently(self, work: Callable[[Session], T]) -> T:
        """Call ``work`` with a new session until the database takes part.

        Raises:
            DatabaseLost: it did not for longer than our patience.
        """
        attempt = 0
        while True:
            try:
                with self.sessions(bind=self._connected()) as session:
                    result = work(session)
            except DBAPIError as error:
                self._disconnect()
                if not is_transient(error):
                    raise
                now = time.monotonic()
                self.lost_since = self.lost_since or now
                if now - self.lost_since > self.patience:
                    raise DatabaseLost(
                        f"the database did not come back within {self.patience:g} s: {_reason(error)}"
                    ) from error
                if attempt == 2:  # a deadlock or two are nobody's business
                    logger.warning("the crawl waits for the database: %s", _reason(error))
                attempt += 1
                time.sleep(min(LONGEST_PAUSE, 0.05 * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311
            else:
                if attempt > 2 and self.lost_since is not None:
                    logger.warning(
                        "the database is back after %.0f s, the crawl goes on",
                        time.monotonic() - self.lost_since,
                    )
                self.lost_since = None
                return result


def _reason(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def make_writer(
    sessions: sessionmaker[Session],
    run: HeldRun,
    settings: BaseSettings,
    *,
    loop: asyncio.AbstractEventLoop,
    failed: Callable[[Exception], None],
    admits: Callable[[NewRequest], bool],
    policy: Policy,
    versions: Mapping[str, str],
) -> Writer:
    """The writer that the settings describe (PAGE_WRITER)."""
    target = Target(
        run=run,
        history=settings.getbool("HISTORY_ENABLED", True),
        outbox=settings.getbool("OUTBOX_ENABLED", False),
        gone_limit=settings.getfloat("GONE_LIMIT", 0.2),
        policy=policy,
        versions=versions,
        admits=admits,
    )
    return Writer(
        sessions,
        target,
        loop=loop,
        failed=failed,
        batch_weight=settings.getint("DATABASE_BATCH_ROWS", 500),
        patience=settings.getfloat("DATABASE_PATIENCE", 900.0),
    )
