"""The writer: one thread that commits rows in batches, and tells each row what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from pipelines.batch import write_batch
from pipelines.row import ValidRow

logger = logging.getLogger(__name__)

# Error numbers and codes that say "the same again may work", by dialect.
MYSQL_TRANSIENT = {1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013, 2055}
POSTGRESQL_TRANSIENT = ("08", "40", "53", "57", "55P03")


class RowRefused(Exception):
    """The database does not take this row; the rows written with it are stored."""


class DatabaseLost(Exception):
    """The database went away and did not come back in time; what was committed before is safe."""


@dataclass(frozen=True, kw_only=True)
class _Pending:
    row: ValidRow
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop

    def settle(self, error: Exception | None) -> None:
        # The loop is closed when a crawl is torn down the hard way.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class Writer(threading.Thread):
    """Commits rows in the order in which they came.

    Args:
        sessions: makes the session of each batch.
        run_id: the run that every row is marked with.
        batch_rows: rows in one transaction at the most.
        batch_age: seconds that a row waits for others to share its transaction.
        patience: seconds during which a lost database is tried again.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        *,
        run_id: int,
        batch_rows: int = 500,
        batch_age: float = 0.1,
        patience: float = 60.0,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self.sessions, self.run_id = sessions, run_id
        self.batch_rows, self.batch_age, self.patience = batch_rows, batch_age, patience
        # Each item in flight waits for its row, and Scrapy bounds those, so this does not grow.
        self.queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()

    async def write(self, row: ValidRow) -> None:
        """Return when the row is committed.

        Raises:
            RowRefused: the database does not take it.
            DatabaseLost: the database went away for longer than ``patience``.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self.queue.put(_Pending(row=row, done=done, loop=loop))
        await done

    async def close(self) -> None:
        """Commit what is waiting and end the thread."""
        self.queue.put(None)
        await asyncio.to_thread(self.join)

    def run(self) -> None:
        more = True
        while more:
            batch, more = self._next_batch()
            if batch:
                self._commit(batch)

    def _next_batch(self) -> tuple[list[_Pending], bool]:
        first = self.queue.get()
        if first is None:
            return [], False
        batch = [first]
        until = time.monotonic() + self.batch_age
        while len(batch) < self.batch_rows:
            try:
                following = self.queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if following is None:
                return batch, False
            batch.append(following)
        return batch, True

    def _commit(self, batch: Sequence[_Pending]) -> None:
        try:
            self._commit_or_split(batch)
        except Exception as error:
            for pending in batch:
                pending.settle(error)

    def _commit_or_split(self, batch: Sequence[_Pending]) -> None:
        """Commit the batch; where the database refuses a row of it, find that row by halves."""
        try:
            self._commit_with_patience([pending.row for pending in batch])
        except SQLAlchemyError as error:
            if len(batch) == 1:
                reason = error.orig if isinstance(error, DBAPIError) and error.orig else error
                batch[0].settle(RowRefused(f"{batch[0].row} was refused by the database: {reason}"))
                return
            middle = len(batch) // 2
            self._commit_or_split(batch[:middle])
            self._commit_or_split(batch[middle:])
        else:
            for pending in batch:
                pending.settle(None)

    def _commit_with_patience(self, rows: Sequence[ValidRow]) -> None:
        give_up = time.monotonic() + self.patience
        attempt = 0
        while True:
            try:
                with self.sessions.begin() as session:
                    write_batch(session, rows, run_id=self.run_id, now=datetime.now(UTC))
            except DBAPIError as error:
                if not is_transient(error):
                    raise
                if time.monotonic() > give_up:
                    raise DatabaseLost(f"the database went away: {error.orig}") from error
                if attempt == 0:
                    logger.warning("the database does not answer, writing again: %s", error.orig)
                attempt += 1
                time.sleep(min(5.0, 0.1 * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311
            else:
                if attempt:
                    logger.info("the database answers again")
                return


def is_transient(error: DBAPIError) -> bool:
    """Whether the same statements may work if they are sent again: a lost connection, a deadlock, a lock timeout."""
    if error.connection_invalidated:
        return True
    cause = error.orig
    if cause is None:
        return False
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(POSTGRESQL_TRANSIENT)
    if type(cause).__module__.startswith("psycopg"):
        return type(cause).__name__ == "OperationalError"  # no code: the connection itself failed
    if type(cause).__module__.startswith("sqlite3"):
        return "locked" in str(cause) or "busy" in str(cause)
    return bool(cause.args) and cause.args[0] in MYSQL_TRANSIENT
