"""RunSamples: how many requests of a run are queued, done and failed, every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import psutil
from sqlalchemy.orm import Session

from crawler.stat_names import PLAIN_PAGES, RENDERED_PAGES
from models.run import ClaimedRun, database_now
from models.run_sample import Sample, Work, add_work, counted_sample, last_work, store_sample, thin_out

INTERVAL = 5.0  # seconds between two samples, until there are too many
SHARED_INTERVAL = 15.0  # of a shared run, whose requests are counted in the table


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one transaction stored.

    Attributes:
        work: the work of this process that the samples have now.
        thinned: every second sample was deleted.
    """

    work: Work
    thinned: bool = False


class RunSamples:
    """Takes the samples of one process. No sample counts the requests of the table but the first one of a process.

    Args:
        queues: how many requests wait, by where.
        stat: returns a number of Scrapy's stats, which count the work of this process.
        is_sampler: whether this worker of a shared run takes the samples; the others add their work to them.
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
        self._before: tuple[Sample, Work] | None = None  # what other processes of the run had done
        self._added = Work()  # of this process, that is in the samples of a shared run
        self._process = psutil.Process()

    def due(self) -> Callable[[Session], Taken] | None:
        """Return what stores the next sample, if it is time; None if it is not. Call this on the event loop."""
        if time.monotonic() < self._next_at:
            return None
        memory, work = self._process.memory_info().rss, self._work()
        if self.run.is_shared:
            is_sampler = self._is_sampler()
            if not is_sampler and work == self._added:
                return None
            return lambda session: self._store_shared(session, memory, work, is_sampler=is_sampler)
        waiting = self._queues()
        own = Sample(
            queued=sum(waiting.get(where, 0) for where in ("window", "table", "in_flight")),
            done=self._stat("pages/done"),
            failed=self._stat("pages/failed") + self._stat("pages/refused"),
            memory=memory,
        )
        return lambda session: self._store(session, own, work)

    def taken(self, taken: Taken) -> None:
        """Note that a sample is committed."""
        self._added = taken.work
        if taken.thinned:
            self._interval *= 2
        self._next_at = time.monotonic() + self._interval

    def at_end(self) -> Callable[[Session], Work]:
        """Return what stores the last work of this process. Call this on the event loop.

        In a shared run it is added to the last sample, if there is one. It returns the work of the whole run.
        """
        work, added = self._work(), self._added

        def store(session: Session) -> Work:
            if not self.run.is_shared:
                return self._before_of(session)[1] + work
            if not add_work(session, self.run.id, work - added):
                return work - added
            return last_work(session, self.run.id)

        return store

    def _work(self) -> Work:
        return Work(
            rows=self._stat("rows/stored"),
            rendered=self._stat(RENDERED_PAGES),
            plain=self._stat(PLAIN_PAGES),
        )

    def _before_of(self, session: Session) -> tuple[Sample, Work]:
        """Return what other processes of the run had done. This process is the only one."""
        if self._before is None:
            # This is the first transaction of the process but the recovery of the frontier.
            counted = counted_sample(session, self.run.id) if self.run.resumed else Sample()
            self._before = counted, last_work(session, self.run.id) if self.run.resumed else Work()
        return self._before

    def _store(self, session: Session, own: Sample, work: Work) -> Taken:
        counted, before = self._before_of(session)
        sample = replace(
            own, done=counted.done + own.done, failed=counted.failed + own.failed, **asdict(before + work)
        )
        store_sample(session, self.run.id, sample, database_now(session))
        return Taken(work=work, thinned=thin_out(session, self.run.id))

    def _store_shared(self, session: Session, memory: int, work: Work, *, is_sampler: bool) -> Taken:
        new = work - self._added
        if not is_sampler:
            added = add_work(session, self.run.id, new)
            return Taken(work=work if added else self._added)
        done = last_work(session, self.run.id) + new
        sample = replace(counted_sample(session, self.run.id), memory=memory, **asdict(done))
        store_sample(session, self.run.id, sample, database_now(session))
        return Taken(work=work, thinned=thin_out(session, self.run.id))
