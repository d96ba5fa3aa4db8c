"""The transactions of a run: each is repeated after a transient error, and is committed once."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from crawler.run.errors import DatabaseLost
from models.run import ClaimedRun
from models.run_transaction import begin_transaction
from models.sqlite_file import FileGone, SqliteFile
from pipelines.storage.database_errors import Fault, error_text, fault_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_PAUSE = 5.0  # seconds between two attempts
# After so many errors with an unknown cause, the work counts as the cause and not the connection. The
# attempts take 10 s or more. A server that was killed needs less time to start again.
MAX_UNSURE_ERRORS = 8


class Transactions:
    """The transactions of one run, over one connection, in one thread.

    Args:
        sessions: makes the session of each transaction.
        run: each transaction begins by locking and checking this run's row.
        patience: for so many seconds a transaction is repeated while the database does not answer.
    """

    def __init__(self, sessions: sessionmaker[Session], run: ClaimedRun, *, patience: float) -> None:
        self.sessions, self.claimed_run, self.patience = sessions, run, patience
        self.number = run.commits
        self.fence: Callable[[Session], None] = lambda _: (
            None
        )  # called after the beginning of each transaction
        self._lost_since: float | None = None
        self._in_work = False
        self.began_at: float | None = None  # when the current attempt began, in monotonic seconds
        self._connection: Connection | None = None
        self._file = SqliteFile.of(sessions.kw["bind"])

    def run(self, work: Callable[[Session], T], *, pages: int = 0) -> T:
        """Do the work in a transaction of the run and return its result.

        The transaction is committed once, also if the answer to a COMMIT is lost (docs/transactions.md).

        Args:
            pages: how many pages the work settles.

        Raises:
            DatabaseLost: as ``retry``.
            RunLost: another process owns the run.
        """
        results: list[T] = []

        def attempt(session: Session) -> None:
            with session.begin():
                if begin_transaction(session, self.claimed_run, self.number, pages=pages):
                    self.fence(session)
                    self._in_work = True
                    results[:] = [work(session)]

        self.retry(attempt)
        self.number += 1
        return results[0]

    def retry(self, work: Callable[[Session], T]) -> T:
        """Call ``work`` with a new session, again after each transient error, and return its result.

        Raises:
            DatabaseLost: the database did not answer for ``patience`` seconds, or its tables or file changed.
            DBAPIError: the work is the cause, and not the connection.
        """
        attempt = unsure_errors = 0
        while True:
            self._in_work = False
            try:
                self._check_file()
                self.began_at = time.monotonic()
                with self.sessions(bind=self._connected()) as session:
                    result = work(session)
                self._check_file()
            except DBAPIError as error:
                self.disconnect()
                fault = fault_of(error)
                if fault is Fault.DATABASE:
                    self._check_file()
                    raise DatabaseLost(
                        f"the database has changed since the run began: {error_text(error)}"
                    ) from error
                unsure_errors += fault is Fault.UNSURE and self._in_work
                if fault is Fault.ROW or unsure_errors >= MAX_UNSURE_ERRORS:
                    raise
                self._wait(attempt, error)
                attempt += 1
            except BaseException:
                self.disconnect()  # the state of the connection is unknown
                raise
            else:
                if attempt > 2 and self._lost_since is not None:
                    logger.warning(
                        "the database is back after %.0f s, the crawl continues",
                        time.monotonic() - self._lost_since,
                    )
                self._lost_since = None
                return result
            finally:
                self.began_at = None

    def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection:
        """Return the connection, the same one for all transactions.

        Returning it to the pool and taking it again costs two queries. If the connection is lost, the first statement
        of the next transaction fails, and the transaction is repeated.
        """
        if self._connection is None:
            bind = self.sessions.kw["bind"]
            self._connection = bind.connect()
        return self._connection

    def _wait(self, attempt: int, error: DBAPIError) -> None:
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        if now - self._lost_since > self.patience:
            raise DatabaseLost(
                f"the database did not come back within {self.patience:g} s: {error_text(error)}"
            ) from error
        if attempt == 2:  # one or two deadlocks are normal
            logger.warning("the crawl waits for the database: %s", error_text(error))
        time.sleep(min(MAX_PAUSE, 0.05 * 2 ** min(attempt + 1, 10)) * random.uniform(0.5, 1.0))  # noqa: S311

    def _check_file(self) -> None:
        if self._file is not None:
            try:
                self._file.check()
            except FileGone as gone:
                self.disconnect()
                raise DatabaseLost(str(gone)) from None
