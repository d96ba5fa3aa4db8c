"""RecentLines: the last log lines of a run, which are stored in the table run_log_line."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from crawler.logs.lines import TextLine
from crawler.logs.run_ids import current_run
from models.run import ClaimedRun
from models.run_log import LogLine

OURS = "splashdown"
LONGEST = 4000  # characters of a line with its traceback


class RecentLines(logging.Handler):
    """Collects lines until they are stored: those of Splashdown from level INFO, of all others from WARNING.

    Args:
        run: the lines of other crawls in this process are left out.
        keep: so many lines are kept while the database is away.
    """

    def __init__(self, run: ClaimedRun, keep: int) -> None:
        super().__init__(logging.INFO)
        self.run, self.keep = run, keep
        self.setFormatter(TextLine(logging.Formatter("%(message)s")))
        self._worker = f"worker {run.worker}: " if run.worker is not None else ""
        self._lines: deque[tuple[int, LogLine]] = deque(maxlen=keep)
        self._number = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING and record.name.partition(".")[0] != OURS:
            return
        run = current_run.get()
        if run is not None and run.id != self.run.id:
            return
        try:
            message = self.format(record)
        except Exception:  # as all handlers do
            self.handleError(record)
            return
        line = LogLine(
            at=datetime.fromtimestamp(record.created, UTC),
            level=record.levelname,
            logger=record.name,
            message=self._worker + message[:LONGEST],
        )
        self._number += 1
        self._lines.append((self._number, line))  # a handler is called with its lock

    def pending(self) -> Sequence[tuple[int, LogLine]]:
        """Return the lines that are not stored, with their numbers."""
        self.acquire()
        try:
            return list(self._lines)
        finally:
            self.release()

    def stored(self, number: int) -> None:
        """Forget the lines up to this number."""
        self.acquire()
        try:
            while self._lines and self._lines[0][0] <= number:
                self._lines.popleft()
        finally:
            self.release()
