"""RunSamples: how many requests of a run are queued, done and failed, every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import psutil
from sqlalchemy.orm import Session

from models.run import ClaimedRun, database_now
from models.run_sample import Sample, add_rows, counted_sample, last_rows, store_sample, thin_out

INTERVAL = 5.0  # seconds between two samples, until there are too many
SHARED_INTERVAL = 15.0  # of a shared run, whose requests are counted in the table


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one transaction stored.

    Attributes:
        rows: the rows of this process that the samples have now.
        thinned: every second sample was deleted.
    """

    rows: int
    thinned: bool = False


class RunSamples:
    """Takes the samples of one process. No sample counts the requests of the table but the first one of a process.

    Args:
        queues: how many requests wait, by where.
        stat: returns a number of Scrapy's stats, which count the work of this process.
        is_sampler: whether this worker of a shared run takes the samples; the others add their rows to them.
    """

    def __init__(
        self,
        run: ClaimedRun,
        *,
        queues: Callable[[], Mapping[str, int]],
        stat: Callable[[str], int],
        is_sampler: Callable[[], bool],
    ) -> None:
        self.run, self._queues, self._stat, self._is_sampler = run, queues, stat, is_sampler
        self._interval = SHARED_INTERVAL if run.is_shared else INTERVAL
        self._next_at = 0.0
        self._before: Sample | None = None  # what other processes of the run had done
        self._rows = 0  # of this process, that are in the samples of a shared run
        self._process = psutil.Process()

    def due(self) -> Callable[[Session], Taken] | None:
        """Return what stores the next sample, if it is time; None if it is not. Call this on the event loop."""
        if time.monotonic() < self._next_at:
            return None
        memory, rows = self._process.memory_info().rss, self._stat("rows/stored")
        if self.run.is_shared:
            is_sampler = self._is_sampler()
            if not is_sampler and rows == self._rows:
                return None
            return lambda session: self._store_shared(session, memory, rows, is_sampler=is_sampler)
        waiting = self._queues()
        own = Sample(
            queued=sum(waiting.get(where, 0) for where in ("window", "table", "in_flight")),
            done=self._stat("pages/done"),
            failed=self._stat("pages/failed") + self._stat("pages/refused"),
            rows=rows,
            memory=memory,
        )
        return lambda session: self._store(session, own)

    def taken(self, taken: Taken) -> None:
        """Note that a sample is committed."""
        self._rows = taken.rows
        if taken.thinned:
            self._interval *= 2
        self._next_at = time.monotonic() + self._interval

    def _store(self, session: Session, own: Sample) -> Taken:
        before = self._before
        if before is None:
            # This is the first transaction of the process but the recovery of the frontier.
            counted = counted_sample(session, self.run.id) if self.run.resumed else Sample()
            before = replace(counted, rows=last_rows(session, self.run.id) if self.run.resumed else 0)
            self._before = before
        sample = replace(
            own,
            done=before.done + own.done,
            failed=before.failed + own.failed,
            rows=before.rows + own.rows,
        )
        store_sample(session, self.run.id, sample, database_now(session))
        return Taken(rows=own.rows, thinned=thin_out(session, self.run.id))

    def _store_shared(self, session: Session, memory: int, rows: int, *, is_sampler: bool) -> Taken:
        new = rows - self._rows
        if not is_sampler:
            added = add_rows(session, self.run.id, new)
            return Taken(rows=rows if added else self._rows)
        sample = replace(
            counted_sample(session, self.run.id), rows=last_rows(session, self.run.id) + new, memory=memory
        )
        store_sample(session, self.run.id, sample, database_now(session))
        return Taken(rows=rows, thinned=thin_out(session, self.run.id))
