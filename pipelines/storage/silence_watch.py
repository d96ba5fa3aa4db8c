"""The watch over a worker's own transaction: while it waits, another worker that is stopped may have the locks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from models.silent_transactions import end_silent_transactions
from models.worker import IDLE_LIMIT

logger = logging.getLogger(__name__)

SLOW = 5.0  # seconds that a transaction takes before the watch looks who has the locks


class SilenceWatch(threading.Thread):
    """A thread that ends silent transactions of other workers while one of this worker is slow.

    Args:
        engine: the database.
        since: returns when the current transaction of this worker began, in monotonic seconds; None if there is none.
    """

    def __init__(self, engine: Engine, since: Callable[[], float | None]) -> None:
        super().__init__(name="silence watch", daemon=True)
        self.engine, self.since = engine, since
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(SLOW):
            self.look()

    def look(self) -> None:
        """End silent transactions if the transaction of this worker is slow."""
        since = self.since()
        if since is None or time.monotonic() - since < SLOW:
            return
        try:
            ended = end_silent_transactions(self.engine, IDLE_LIMIT)
        except SQLAlchemyError:
            return  # the database is away, and the writer says so
        if ended:
            logger.warning("%d transactions of workers that are stopped or gone were ended", ended)
