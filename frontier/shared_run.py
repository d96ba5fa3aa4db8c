"""SharedRun: a crawl's part in a run that several workers crawl together.

It looks for the worker's share of the partitions once a second, gives partitions up when there are more workers, stops
the hand-out when this process was away for too long, and asks whether the run is over when there is nothing to do.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from scrapy import Request
from scrapy.utils.httpobj import urlparse_cached

from crawler.page.commit import Commit
from crawler.run.interfaces import PageWriter, PartitionEngine
from frontier.host_waits import HostWaits
from frontier.learned_rendering import LearnedRendering
from frontier.pages_in_progress import PagesInProgress
from frontier.partitions import Partitions
from frontier.request_identity import RequestIdentities
from frontier.shared_refill import SharedRefill
from frontier.window import Window
from models.run import ClaimedRun
from models.shared_run import NUMBERS, START_PART, Balance, RunPart, balance, look_for_end, take
from models.worker import WORKER_TIMEOUT, Tenure, partition_of

logger = logging.getLogger("splashdown.workers")

TICK = 1.0  # seconds between two looks at the other workers
END_LOOK = 0.5  # seconds between two looks whether the run is over
RETAKE = 3.0  # seconds after which a partition that this worker should have is taken again
TOGETHER = 0.05  # seconds for which partitions that the engine assigns are collected
DRAIN = 8.0  # seconds that a partition waits for its pages in progress before it is given up
# Seconds after the last look in which requests are handed out. Other workers take partitions after WORKER_TIMEOUT.
TRUSTED = WORKER_TIMEOUT.total_seconds() - 3
# After a longer pause between two looks, this worker does not judge which others are dead: the database was away.
LATE = WORKER_TIMEOUT.total_seconds() / 2


def seconds_now() -> float:
    """Return the seconds of a clock that also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def slot_of(request: Request) -> str:
    """Return the download slot of a page's request, as Scrapy names it."""
    return str(request.meta.get("download_slot") or urlparse_cached(request).hostname or "")


class SharedRun:
    """The worker.

    Args:
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
        writer: Callable[[], PageWriter],
        wake: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._assigned: set[int] = set()  # that the engine has assigned, and that are not taken yet
        self._by_engine: dict[
            int, float
        ] = {}  # when they were taken last, of the partitions that the engine assigns
        self._revoked: dict[int, threading.Event] = {}
        self.run, self.partitions = run, partitions
        self.is_over = False
        self.ends = False  # this worker ends the run
        self.start_is_read = run.start_read
        self._reads_start = False
        self._window, self._pages, self._refill, self._waits = window, pages, refill, waits
        self._rendering, self._identities = rendering, identities
        self._writer, self._wake = writer, wake
        self._looked_at = 0.0  # when the last look began that has ended
        self._is_looking = False
        self._is_away = False  # from the database, so that the engine is paused
        self._asks_for_end = False
        self._end_asked_at = 0.0
        self._is_closed = False
        self._news = asyncio.Event()

    # --- The life of the worker -------------------------------------------------------------------------------

    @property
    def first_number(self) -> int:
        """The number of the first request that this worker discovers."""
        assert self.run.worker is not None
        return self.run.worker * NUMBERS

    def start(self) -> None:
        """Look for partitions, and again every second."""
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
        if self._engine is not None:
            self._engine.stop()

    async def may_read_start(self) -> bool:
        """Wait until it is known which worker reads start(); return whether it is this one."""
        while not (self._is_closed or self.is_over or self.start_is_read):
            if self.partitions.is_active(START_PART):
                self._reads_start = True
                return True
            self._news.clear()
            await self._news.wait()
        return False

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
        self._by_engine[part] = time.monotonic()
        if not self._assigned:  # all that come together are taken in one transaction
            self._loop.call_later(TOGETHER, self._take_assigned)
        self._assigned.add(part)

    def _take_assigned(self) -> None:
        parts, self._assigned = sorted(self._assigned), set()
        if self._reads_start and not self.partitions.is_active(START_PART) and START_PART in parts:
            parts.remove(START_PART)  # this worker cannot read start() a second time
            assert self._engine is not None
            self._by_engine.pop(START_PART, None)
            self._engine.give_up([START_PART])
        if parts and not self._is_closed:
            self._writer().call(partial(take, run=self.run, parts=parts), self._taken)

    def _taken(self, found: Balance) -> None:
        # A partition of before has a new tenure: what was handed out in the old one is not committed.
        self.lose([one for one in self.partitions.known if any(one.part == new.part for new in found.taken)])
        self._add(found)

    def _give_up(self, part: int, event: threading.Event) -> None:
        self._assigned.discard(part)
        self._by_engine.pop(part, None)
        if self._is_closed or not self.partitions.is_active(part):
            event.set()
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
        self._give_up_drained()
        self._pause_engine()
        if self._is_looking:
            return
        self._is_looking = True
        now = seconds_now()
        known = self.partitions.known
        takes = self._engine is None and (not self._looked_at or now - self._looked_at < LATE)
        # A worker that has lost start() cannot read it a second time.
        avoided = (START_PART,) if self._reads_start and not self.partitions.is_active(START_PART) else ()
        work = partial(balance, run=self.run, tenures=known, takes=takes, avoided=avoided)
        self._writer().call(work, lambda found: self._found(found, known, now))

    def _pause_engine(self) -> None:
        """Let the engine give this worker's partitions to others while it does not reach the database."""
        is_away = bool(self._looked_at) and not self.may_hand_out
        if self._engine is None or is_away == self._is_away:
            return
        self._is_away = is_away
        if is_away:
            logger.warning("the database does not answer, so other workers get the partitions of this one")
            self._by_engine.clear()
            self._engine.pause()
        else:
            self._engine.resume()

    def _found(self, found: Balance, known: list[Tenure], now: float) -> None:
        self._is_looking = False
        self._looked_at = now
        held, held_parts = set(found.held), {one.part for one in found.held}
        self.lose([one for one in known if one not in held])
        if found.taken:
            self._add(found)
        is_fair = self._engine is not None and self._engine.is_fair
        if not is_fair and (more := found.surplus - self.partitions.draining) > 0:
            self._drain(more)
        now = time.monotonic()
        for part, taken_at in list(self._by_engine.items()):
            # Another worker took it, and the engine says that it is this one's: the engine is right in the end.
            if part not in held_parts and now - taken_at > RETAKE:
                self._take(part)
        self.start_is_read = self.start_is_read or found.start_read
        self._news.set()

    def _add(self, found: Balance) -> None:
        self.partitions.add(found.taken)
        self._waits.recover(found.host_waits)
        self._rendering.recover(found.plain_pages)
        logger.info("took %d partitions, so it has %d", len(found.taken), len(self.partitions))
        self._refill.look_again()
        self._news.set()

    def _drain(self, number: int) -> None:
        """Begin to give up so many partitions, first those without pages in progress."""
        busy = self._pages.parts()
        keeps_start = not self.start_is_read
        parts = sorted(
            (one.part for one in self.partitions.active if not (keeps_start and one.part == START_PART)),
            key=lambda part: (part in busy, -part),
        )
        self._begin_to_drain(parts[:number])
        self._give_up_drained()

    def _begin_to_drain(self, parts: Sequence[int]) -> None:
        for part in self.partitions.drain(parts, seconds_now()):
            self._window.drop_part(part, with_begun=False)

    def _give_up_drained(self) -> None:
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
            for part in surplus:
                self._by_engine.pop(part, None)
            self._engine.give_up(surplus)
        logger.info("gave %d partitions up, so it has %d", len(tenures), len(self.partitions))

    def lose(self, tenures: list[Tenure], *, is_given_up: bool = False) -> None:
        """Forget the requests and the pages of partitions that this worker does not have any more."""
        lost = self.partitions.remove(tenures)
        if not lost:
            return
        if not is_given_up:
            logger.warning(
                "%d partitions were taken by other workers, so it has %d", len(lost), len(self.partitions)
            )
        for tenure in lost:
            for queued in self._window.drop_part(tenure.part, with_begun=True):
                if queued.is_begun:
                    self._pages.drop(queued.number)
        self._identities.forget()
        self._wake()

    def drop(self, commit: Commit) -> None:
        """Forget a page whose partition was lost: another worker fetches it."""
        assert commit.tenure is not None
        self.lose([commit.tenure])
        if commit.number is not None and commit.settled is not None:
            self._pages.drop(commit.number)
        self._identities.forget()

    # --- The end of the run --------------------------------------------------------------------------------------

    def ask_for_end(self) -> None:
        """Ask whether the run is over, because this worker has nothing to do. The answer sets ``is_over``."""
        now = time.monotonic()
        if self._asks_for_end or self.is_over or now - self._end_asked_at < END_LOOK:
            return
        self._asks_for_end, self._end_asked_at = True, now
        self._writer().call(partial(look_for_end, run=self.run), self._answered)

    def _answered(self, part: RunPart) -> None:
        self._asks_for_end = False
        self.ends = part is RunPart.END
        self.is_over = part is not RunPart.WAIT
        if self.is_over:
            self._wake()
        else:
            asyncio.get_running_loop().call_later(END_LOOK, self._wake)
