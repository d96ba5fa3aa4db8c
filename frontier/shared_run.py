"""SharedRun: a crawl's part in a run that several workers crawl together.

Every few seconds it reads the worker's share of the partitions. It releases partitions when there are more workers,
and hands out no request when this process was away for too long.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from urllib.parse import urlsplit

from scrapy import Request
from sqlalchemy.orm import Session

from crawler.page.commit import Commit
from crawler.run.interfaces import PageWriter, PartitionEngine
from frontier.end_of_run import LOOK, EndOfRun
from frontier.engine_watch import EngineWatch
from frontier.host_waits import HostWaits
from frontier.learned_rendering import LearnedRendering
from frontier.pages_in_progress import PagesInProgress
from frontier.partitions import Partitions, to_give_up
from frontier.request_identity import RequestIdentities
from frontier.shared_refill import SharedRefill
from frontier.window import Window
from models.run import ClaimedRun
from models.shared_run import (
    NUMBERS,
    START_PART,
    Balance,
    balance,
    note_leaving,
    take,
)
from models.worker import WORKER_TIMEOUT, Tenure, partition_of

logger = logging.getLogger("splashdown.workers")

TICK = 1.0  # seconds
LOOKS = 4  # at the other workers, in a second by all workers together
SELDOM = 3.0  # seconds between two looks of a worker, however many workers there are
# Seconds after which a partition is taken again that the engine says is this worker's, and that another one has taken.
RETAKE = 3.0
TOGETHER = 0.05  # seconds for which partitions that the engine assigns are collected
DRAINED_TOGETHER = 0.2  # seconds for which partitions whose last page was committed are collected
DRAIN = 8.0  # seconds that a partition waits for its pages in progress before it is given up
# Seconds after the last look in which requests are handed out. Other workers take partitions after WORKER_TIMEOUT.
TRUSTED = WORKER_TIMEOUT.total_seconds() - 3
# After a longer pause between two looks, this worker does not judge which others are dead: the database was away.
LATE = WORKER_TIMEOUT.total_seconds() / 2
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds_now() -> float:
    """Return the seconds of a clock that also counts while the machine sleeps."""
    return time.clock_gettime(CLOCK)


def look_pause(workers: int) -> float:
    """Return the seconds between two looks at the other workers: many workers look less often."""
    return min(max(TICK, workers / LOOKS), SELDOM)


def slot_of(request: Request) -> str:
    """Return the download slot of a page's request, as Scrapy names it."""
    return str(request.meta.get("download_slot") or urlsplit(request.url).hostname or "")


class SharedRun:
    """The worker.

    Args:
        patience: for so many seconds it waits for the engine's broker.
        stop: ends the crawl with this message.
        is_closing: returns whether the crawl ends.
        begin_delays: lets the hosts of partitions wait for a delay before the next request.
        take_back: takes the requests of partitions out of Scrapy's download queues; they go back to the scheduler.
        engine: says which partitions are this worker's; None: the leases in the database do.
        writer: returns the writer, which is there when the scheduler is open.
        wake: makes the engine ask for requests again.
    """

    def __init__(
        self,
        run: ClaimedRun,
        partitions: Partitions,
        *,
        window: Window,
        pages: PagesInProgress,
        refill: SharedRefill,
        waits: HostWaits,
        rendering: LearnedRendering,
        identities: RequestIdentities,
        engine: PartitionEngine | None,
        patience: float,
        stop: Callable[[str], None],
        is_closing: Callable[[], bool],
        take_back: Callable[[Collection[int]], None],
        begin_delays: Callable[[Collection[int]], None],
        writer: Callable[[], PageWriter],
        wake: Callable[[], None],
    ) -> None:
        self._engine, self._stop = engine, stop
        self._is_closing, self._take_back, self._begin_delays = is_closing, take_back, begin_delays
        assert run.partitions is not None
        self._watch = EngineWatch(engine, run.partitions, patience=patience, stop=stop)
        self._assigned: set[int] = set()  # that the engine has assigned, and that are not taken yet
        self._by_engine: set[int] = set()  # the partitions that are this worker's, as the engine says
        self._missing: dict[int, float] = {}  # since when the table says something else
        self._revoked: dict[int, threading.Event] = {}
        self.run, self.partitions = run, partitions
        self.end_of_run = EndOfRun(run, writer=writer, wake=wake)
        self.start_is_read = run.start_read
        self._reads_start = False
        self._window, self._pages, self._refill, self._waits = window, pages, refill, waits
        self._rendering, self._identities = rendering, identities
        self._writer, self._wake = writer, wake
        self._looked_at = 0.0  # when the last look began that has ended
        self._look_pause = TICK
        self._gives_up_soon = False
        self._is_looking = self._is_paused = self._is_leaving = False
        self._is_closed = self._has_told_rivals = False
        self._news = asyncio.Event()

    # --- The life of the worker -------------------------------------------------------------------------------

    @property
    def first_number(self) -> int:
        """The number of the first request that this worker discovers."""
        assert self.run.worker is not None
        return self.run.worker * NUMBERS

    def start(self) -> None:
        """Look for partitions, and again every few seconds."""
        logger.info(
            "worker %d of run %d of %s: %d partitions",
            self.run.worker,
            self.run.id,
            self.run.spider,
            self.run.partitions,
        )
        self._loop = asyncio.get_running_loop()
        self._tick()
        if self._engine is not None:
            self._engine.start(self)

    def close(self) -> None:
        """Look for no partitions any more."""
        if self._is_closed:
            return
        self._is_closed = True
        self._news.set()
        for event in self._revoked.values():
            event.set()

    async def end(self) -> None:
        """End the engine: the partitions are given up, and it may tell other workers so."""
        if self._engine is not None:
            await asyncio.to_thread(self._engine.stop)

    async def may_read_start(self) -> bool:
        """Wait until it is known which worker reads start(); return whether it is this one."""
        while not (self._is_closed or self.end_of_run.is_over or self.start_is_read):
            if self.partitions.is_active(START_PART):
                self._reads_start = True
                return True
            self._news.clear()
            await self._news.wait()
        return False

    @property
    def _is_reading_start(self) -> bool:
        return self._reads_start and not self.start_is_read

    @property
    def may_hand_out(self) -> bool:
        """Whether this worker has seen a short time ago that its partitions are its own."""
        return seconds_now() - self._looked_at < TRUSTED

    # --- What the engine says, from its thread ---------------------------------------------------------------

    def assigned(self, part: int) -> None:
        """Take a partition: the engine says that no other worker has it."""
        self._loop.call_soon_threadsafe(self._take, part)

    def revoked(self, part: int) -> threading.Event:
        """Give a partition up. The event that is returned is set when that is done."""
        event = threading.Event()
        self._loop.call_soon_threadsafe(self._give_up, part, event)
        return event

    def _take(self, part: int) -> None:
        if self._is_leaving:
            return
        self._by_engine.add(part)
        self._missing.pop(part, None)
        if not self._assigned:  # all that come together are taken in one transaction
            self._loop.call_later(TOGETHER, self._take_assigned)
        self._assigned.add(part)

    def _take_assigned(self) -> None:
        parts, self._assigned = sorted(self._assigned), set()
        if parts and not self._is_closed:
            self._writer().call(partial(self._take_in_table, parts=parts), self._taken)

    def _take_in_table(self, session: Session, parts: Collection[int]) -> Balance:
        """Take partitions that are still this worker's: the database may have been away since the engine said so."""
        return take(session, self.run, [part for part in parts if part in self._by_engine])

    def _taken(self, found: Balance) -> None:
        # A partition of before has a new tenure: what was handed out in the old one is not committed.
        self.lose([one for one in self.partitions.known if any(one.part == new.part for new in found.taken)])
        self._add(found)

    def _give_up(self, part: int, event: threading.Event) -> None:
        self._assigned.discard(part)
        self._by_engine.discard(part)
        if self._is_closed or not self.partitions.has_part(part):
            event.set()
            return
        if part == START_PART and self._is_reading_start:
            self._loop.call_later(LOOK, self._give_up, part, event)
            return
        if not self._revoked:  # all that come together are given up in one transaction
            self._loop.call_later(TOGETHER, self._give_up_drained)
        self._revoked[part] = event
        self._begin_to_drain([part])

    # --- Partitions ----------------------------------------------------------------------------------------------

    def part_of(self, request: Request) -> int:
        """Return the partition of a request."""
        assert self.run.partitions is not None
        return partition_of(slot_of(request), self.run.partitions)

    def _tick(self) -> None:
        if self._is_closed:
            return
        asyncio.get_running_loop().call_later(TICK, self._tick)
        if self._is_closing() and not self.end_of_run.is_over:
            self._leave()
        self._give_up_drained()
        self._watch.check()
        self._pause_engine_if_away()
        now = seconds_now()
        is_early = now - self._looked_at < self._look_pause - TICK / 2 and not self._is_leaving
        if self._is_looking or is_early:
            return
        self._is_looking = True
        known = self.partitions.known
        is_late = bool(self._looked_at) and now - self._looked_at >= LATE
        takes = self._engine is None and not (is_late or self._is_leaving)
        work = partial(balance, run=self.run, tenures=known, takes=takes)
        self._writer().call(work, lambda found: self._found(found, known, now))

    def _leave(self) -> None:
        """Give all partitions up, each as soon as its pages in flight are committed, and take none."""
        if not self._is_leaving:
            self._is_leaving = True
            self._writer().call(partial(note_leaving, run=self.run))
            if self._engine is not None:
                self._engine.leave()
        self._begin_to_drain(self._parts_to_give())  # again for those that it was just taking

    def _pause_engine_if_away(self) -> None:
        """Let the engine give the partitions to others if this worker has not reached the database for too long."""
        is_away = bool(self._looked_at) and seconds_now() - self._looked_at > WORKER_TIMEOUT.total_seconds()
        if self._engine is not None and is_away and not self._is_paused:
            logger.warning("no answer of the database: the partitions are left to other workers")
            self._is_paused = True
            self._by_engine.clear()
            self._assigned.clear()
            self._engine.pause()

    def _found(self, found: Balance, known: list[Tenure], now: float) -> None:
        self._is_looking = False
        was_alive = self.may_hand_out
        self._looked_at = now
        self._watch.note_free(found.free)
        self._writer().note_workers(found.workers)
        self._look_pause = look_pause(found.workers)
        if self._is_paused and self._engine is not None and seconds_now() - now < LATE:
            self._is_paused = False
            self._engine.resume()
        held, held_parts = set(found.held), {one.part for one in found.held}
        self.lose([one for one in known if one not in held], was_alive=was_alive)
        if found.taken:
            self._add(found)
        is_fair = self._engine is not None and self._engine.is_fair
        if not (is_fair or self._is_leaving) and (more := found.surplus - self.partitions.draining) > 0:
            self._drain(more)
        for part in self._by_engine:
            if part in held_parts or self.partitions.has_part(part):  # or it was taken since the look began
                self._missing.pop(part, None)
            elif time.monotonic() - self._missing.setdefault(part, time.monotonic()) > RETAKE:
                self._loop.call_soon(self._take, part)
        self.start_is_read = self.start_is_read or found.start_read
        self._news.set()

    def _add(self, found: Balance) -> None:
        self.partitions.add(found.taken)
        self._begin_delays([one.part for one in found.taken])
        self._waits.recover(found.host_waits)
        self._rendering.recover(found.plain_pages)
        logger.info("took %d partitions, so it has %d", len(found.taken), len(self.partitions))
        self._refill.look_again()
        self._news.set()

    def _drain(self, number: int) -> None:
        """Begin to give up so many partitions."""
        if self._engine is not None:
            self._engine.make_way()
        self._begin_to_drain(to_give_up(self._parts_to_give(), self._pages.parts(), number))
        self._give_up_drained()

    def _parts_to_give(self) -> list[int]:
        keeps_start = self._is_reading_start
        return [one.part for one in self.partitions.active if not (keeps_start and one.part == START_PART)]

    def _begin_to_drain(self, parts: Collection[int]) -> None:
        """Make no more requests of these partitions: the next owner makes those that are not on their way."""
        begun = self.partitions.drain(parts, seconds_now())
        for part in begun:
            self._drop_from_window(part)
        if begun:
            self._take_back(begun)

    def _drop_from_window(self, part: int) -> None:
        for queued in self._window.drop_part(part, with_begun=True):
            if queued.is_begun:
                self._pages.drop(queued.number)

    def page_ended(self) -> None:
        """Give up soon what has no page in progress any more, together with other partitions."""
        if self.partitions.draining and not self._gives_up_soon:
            self._gives_up_soon = True
            self._loop.call_later(DRAINED_TOGETHER, self._give_up_drained)

    def _give_up_drained(self) -> None:
        """Give up the partitions whose pages in progress are committed, or take too long."""
        self._gives_up_soon = False
        if not self.partitions.draining or self._is_closed:
            return
        ready, late = self.partitions.drained(self._pages.parts(), seconds_now() - DRAIN)
        if late:
            logger.warning(
                "%d partitions are given up, and their pages in progress are left to other workers", len(late)
            )
        if ready:
            self._writer().give_up(ready, lambda _: self._given_up(ready))

    def _given_up(self, tenures: list[Tenure]) -> None:
        self.lose(tenures, is_given_up=True)
        surplus = []
        for part, _ in tenures:
            event = self._revoked.pop(part, None)
            if event is not None:
                event.set()
            else:
                surplus.append(part)
        if surplus and self._engine is not None:
            self._by_engine.difference_update(surplus)
            self._engine.give_up(surplus)
        logger.info("gave %d partitions up, so it has %d", len(tenures), len(self.partitions))

    def lose(self, tenures: list[Tenure], *, is_given_up: bool = False, was_alive: bool = False) -> None:
        """Forget the requests and the pages of partitions that this worker does not have any more.

        Args:
            is_given_up: it has given them up.
            was_alive: it has looked at them a short time before, so no other worker can take it for dead.
        """
        lost = self.partitions.remove(tenures)
        if not lost:
            return
        if was_alive and self._engine is None and not self._has_told_rivals:
            self._has_told_rivals = True
            logger.warning(
                "another worker takes partitions that this worker has, although its leases are valid, so hosts get "
                "requests of both: write the same WORKERS_URL for all workers of run %d, and give their machines "
                "different host names",
                self.run.id,
            )
        if not is_given_up:
            logger.warning(
                "%d partitions were taken by other workers, so it has %d", len(lost), len(self.partitions)
            )
        for tenure in lost:
            self._drop_from_window(tenure.part)
            if not is_given_up and (event := self._revoked.pop(tenure.part, None)) is not None:
                event.set()
        self._take_back([one.part for one in lost])
        self._identities.forget()
        if self._is_reading_start and any(one.part == START_PART for one in lost):
            self._stop("another worker reads start() now, and this one cannot read it a second time")
        self._wake()

    def drop(self, commit: Commit) -> None:
        """Forget a page whose partition was lost: another worker fetches it."""
        assert commit.tenure is not None
        self.lose([commit.tenure], was_alive=self.may_hand_out)
        if commit.number is not None and commit.settled is not None and self._pages.has(commit):
            self._pages.drop(commit.number)
        self._identities.forget()
