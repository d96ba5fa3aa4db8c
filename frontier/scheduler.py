"""Scrapy's scheduler on the frontier in the database: the table says which request is next and which are done.

A request is handed out when its discovery is committed, and its page is committed as a whole (``crawler.page.page``).
The scheduler's parts: ``discovery``, ``logins``, ``window``, ``window_refill``, ``hand_out``, ``pages_in_progress``
and ``commits``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.core.scheduler import BaseScheduler
from scrapy.core.scheduler import Scheduler as ScrapyScheduler
from scrapy.crawler import Crawler
from scrapy.utils.defer import deferred_from_coro

from crawler.meta_keys import FOUND_ON, MAKES_SESSION, REQUEST_NUMBER, TENURE_OWNER
from crawler.page.commit import Commit
from crawler.page.page import Page
from crawler.run.extension import RunExtension
from crawler.run.interfaces import FrontierCallbacks
from crawler.run.stopping import close_crawl, stop_crawl
from crawler.run.verdict import CANNOT_SHARE, TRIAL_OVER
from crawler.security.plain_text import last_line
from crawler.snapshots.extension import SnapshotExtension
from frontier.commits import Commits
from frontier.discovery import Discovery
from frontier.downloader import Downloader
from frontier.engine_access import engine_is_closing, engine_is_idle, take_back_queued, wake_engine
from frontier.hand_out import HandOut
from frontier.host_waits import HostWaits
from frontier.learned_rendering import LearnedRendering
from frontier.logins import Logins
from frontier.page_budget import PageBudget
from frontier.pages_in_progress import PagesInProgress
from frontier.partitions import Partitions
from frontier.request_identity import RequestIdentities
from frontier.shared_refill import SharedRefill
from frontier.shared_run import SharedRun
from frontier.window import Window
from frontier.window_refill import WindowRefill
from models.request import FrontierState, Settled
from models.shared_run import START_PART

logger = logging.getLogger(__name__)

NO_LOGIN_IS_SHARED = "a login makes a session in one process only: crawl this spider without --shared"

WINDOW = 10_000  # requests in memory
BACKLOG = 4  # batches that may wait to be committed before the crawl waits for the database
SMALLEST_WINDOW = 16  # of a trial, whose window has about as many requests as the trial has pages


def scheduler_of(crawler: Crawler) -> Scheduler | None:
    """Return the frontier's scheduler; None where the crawl has another one, as ``scrapy fetch`` has.

    ``isinstance()`` is no help: Scrapy makes it True for every class that has a scheduler's methods.
    """
    scheduler = crawler.engine.scheduler if crawler.engine else None
    return scheduler if Scheduler in type(scheduler).__mro__ else None  # type: ignore[return-value]


class Scheduler(BaseScheduler):
    """The scheduler of a crawl that stores its run."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self | ScrapyScheduler:  # type: ignore[override]
        """Return the scheduler; Scrapy's own where nothing is stored: ``scrapy shell``, ``fetch``, ``parse``."""
        if RunExtension.of(crawler) is None:
            return ScrapyScheduler.from_crawler(crawler)
        return cls(crawler)

    def __init__(self, crawler: Crawler) -> None:
        run, fingerprinter, settings = (
            RunExtension.of(crawler),
            crawler.request_fingerprinter,
            crawler.settings,
        )
        assert run is not None and crawler.stats is not None and fingerprinter is not None
        self.crawler, self.run, self.stats = crawler, run, crawler.stats
        snapshots = SnapshotExtension.of(crawler)
        wake = partial(wake_engine, crawler)
        size = settings.getint("FRONTIER_WINDOW", WINDOW)
        self.budget = PageBudget(run.held.trial_pages)
        if self.budget.limit is not None:
            size = min(size, max(self.budget.limit, SMALLEST_WINDOW))
        self.max_backlog = BACKLOG * settings.getint("DATABASE_BATCH_ROWS", 500)
        self.window, self.logins = Window(), Logins()
        self.pages = PagesInProgress(self.window)
        patience = settings.getfloat("HOST_PATIENCE", 900.0)
        self.waits = HostWaits(self.window, patience=patience, writer=lambda: run.writer, wake=wake)
        refill_of: Callable[..., WindowRefill] = WindowRefill
        self.partitions = Partitions()
        if run.held.is_shared:
            refill_of = partial(SharedRefill, self.partitions)
        self.refill = refill_of(
            self.window, size, writer=lambda: run.writer, wake=wake, waiting_hosts=lambda: self.waits.hosts
        )
        assert crawler.spider is not None
        share = run.rendering.check_share
        self.rendering = LearnedRendering(run.engine, crawler.spider, share, page=self.pages.get)
        identities = RequestIdentities(fingerprinter.fingerprint, run.held.owner)
        lifo = "Fifo" not in settings.get("SCHEDULER_MEMORY_QUEUE", "")
        self.shared: SharedRun | None = None
        if isinstance(self.refill, SharedRefill):
            self.shared = SharedRun(
                run.held,
                self.partitions,
                window=self.window,
                pages=self.pages,
                refill=self.refill,
                waits=self.waits,
                rendering=self.rendering,
                identities=identities,
                engine=run.partition_engine,
                patience=settings.getfloat("WORKERS_PATIENCE", 300.0),
                stop=partial(stop_crawl, crawler, "workers_lost"),
                is_closing=partial(engine_is_closing, crawler),
                take_back=self._take_back,
                begin_delays=self._begin_delays,
                writer=lambda: run.writer,
                wake=wake,
            )
        part_of = self.shared.part_of if self.shared is not None else (lambda _: 0)
        self.discovery = Discovery(identities, self.logins, crawler.stats, lifo=lifo, part_of=part_of)
        parts = self.pages, self.logins, self.refill, crawler.stats
        self.commits = Commits(
            *parts,
            writer=lambda: run.writer,
            wake=wake,
            login_failed=self._login_failed,
            host_settled=run.host_rates.settled,
        )
        if snapshots is not None:
            self.commits.page_closed = snapshots.closed
        self.commits.lesson_written = self.rendering.written
        self.commits.page_committed = self._page_committed
        self.commits.start_is_read = run.held.start_read
        self.start_has_begun = False  # start() has yielded something, or has ended, in this process
        if self.shared is not None:
            self.commits.page_lost = self.shared.drop
        self.hand_out = HandOut(
            self.pages,
            self.window,
            commit=self._commit,
            snapshot_policy=partial(snapshots.snapshot_policy, run.held.id) if snapshots else lambda *_: None,
            begun=self.budget.begin,
            tenure_of=self.partitions.tenure_of,
        )
        self.start_page = Page(None, None, self._commit)
        crawler.signals.connect(self._announced, signals.request_scheduled)

    # --- What Scrapy asks ---------------------------------------------------------------------------------------

    def open(self, spider: Spider) -> Any:
        """Begin to write the run. Scrapy awaits the result."""
        self.spider = spider
        return deferred_from_coro(self._open())

    async def _open(self) -> None:
        wake = partial(wake_engine, self.crawler)
        self.run.start(
            FrontierCallbacks(
                fits_in_window=self.refill.fits_in_window,
                queues=self.queues,
                wake=wake,
                is_sampler=partial(self.partitions.is_active, START_PART),
            )
        )
        if self.shared is not None:
            if isinstance(downloader := self._downloader, Downloader):
                downloader.scheduler = self
            await self.run.watch()
            self.discovery.begin_at(self.shared.first_number)
            self.shared.start()
            return
        state: asyncio.Future[FrontierState] = asyncio.get_running_loop().create_future()
        self.run.writer.recover_frontier(state.set_result)
        found = await self.run.or_failed(state)
        self.discovery.next_number, self.refill.in_table = found.next_number, found.queued
        self.logins.remakes_sessions = found.makes_sessions
        self.logins.any = self.logins.any or found.makes_sessions
        self.rendering.recover(found.plain_pages)
        self.waits.recover(found.host_waits)
        if self.run.held.resumed:
            run_id, spider = self.run.held.id, self.spider.name
            logger.info("run %d of %s is resumed: %d requests are left", run_id, spider, found.queued)
        await self.run.watch()

    def close(self, reason: str) -> Any:
        """End the run, or leave it to the next crawl. Scrapy awaits the result."""
        return deferred_from_coro(self._close(str(reason)))  # a spider's CloseSpider may have any object

    async def _close(self, reason: str) -> None:
        if self.shared is None:
            await self._finish(reason)
            return
        self.shared.close()
        try:
            await self._finish(reason)
        finally:
            await self.shared.end()

    async def _finish(self, reason: str) -> None:
        is_read = self.commits.start_is_read
        covered = reason == "finished" and is_read and not self._left() and self.run.failure is None
        why = None
        if self.shared is not None:
            covered = covered and self.shared.end_of_run.is_ours
            if reason == "finished" and self.shared.end_of_run.is_over and self.run.failure is None:
                await self.run.finish(reason, covered=covered)
                return
        if reason == TRIAL_OVER and self.start_page.error:
            reason = "start_error"
        if reason in ("finished", "start_error") and not covered:
            why = self.start_page.error or "start() did not come to its end"
            next_crawl = "" if self.budget.limit is not None else "; the next crawl goes on from there"
            why = f"{last_line(why, 1000)} (in start()){next_crawl}"
        await self.run.finish(reason, covered=covered, message=why)

    def has_pending_requests(self) -> bool:
        """Return whether the crawl is not finished. Scrapy asks when nothing is downloaded or processed."""
        if self.run.failure is not None:
            return False
        if not self.run.is_paused and not (self._left() or self._begin_last_checks()):
            return self.shared is not None and self._run_goes_on(self.shared)
        nothing_moves = engine_is_idle(self.crawler) and not self.uncommitted and not self.window.expected
        self.pages.abandon_orphans(time.monotonic(), nothing_moves=nothing_moves)
        return True

    def _run_goes_on(self, shared: SharedRun) -> bool:
        """Return whether this worker, which has nothing to do, waits for more; it has asked whether the run is over."""
        if self.start_page.error:  # its verdict says so, and another worker may read start()
            return False
        shared.end_of_run.ask()
        return not shared.end_of_run.is_over

    def _begin_last_checks(self) -> bool:
        """Queue plain pages that must be compared or rendered before the run ends. Return False if there are none."""
        numbers = self.rendering.last_checks()
        if numbers:
            self.refill.release(numbers)
            self.refill.queued_again(len(numbers))
            wake_engine(self.crawler)
        return bool(numbers)

    def _left(self) -> bool:
        return bool(len(self.window) or self.refill.has_more or len(self.pages) or self.uncommitted)

    def enqueue_request(self, request: Request) -> bool:
        """Store a new request, or queue again what a page's request became. Return False for a duplicate."""
        number = REQUEST_NUMBER.get(request)
        if number is not None and not FOUND_ON.is_in(request):
            page = self.page_of(request)
            if page is not None and not page.closed:
                self._queue_again(number, request)
                return True
            if self._is_of_lost_page(request):
                return True
        found_on: Page | None = FOUND_ON.pop(request)
        REQUEST_NUMBER.pop(request)
        if self.shared is not None and MAKES_SESSION.get(request):
            stop_crawl(self.crawler, CANNOT_SHARE, f"{request.url}: {NO_LOGIN_IS_SHARED}")
        try:
            return self.discovery.add(request, found_on or self.start_page, self.spider)
        finally:
            if found_on is not None:
                found_on.ended()

    def _queue_again(self, number: int, request: Request, *, first: bool = False) -> None:
        if self.is_left(request):
            self.pages.drop(number)  # another worker fetches it
            self._page_ended()
            return
        self.pages.queue_again(number, request, first=first)

    def _announced(self, request: Request) -> None:
        """Look later whether Scrapy handed the request over: nobody tells us when a signal handler refuses it."""
        if FOUND_ON.is_in(request):
            asyncio.get_running_loop().call_soon(self._refused, request)

    def _refused(self, request: Request) -> None:
        found_on: Page | None = FOUND_ON.pop(request)
        if found_on is not None:
            self.stats.inc_value("scheduler/refused")
            found_on.ended()

    def next_request(self) -> Request | None:
        """Return the next request; None if there is none now, or if too much waits to be committed."""
        if self.run.failure is not None or self.run.writer.backlog > self.max_backlog:
            return None
        if self.shared is not None and not self.shared.may_hand_out:
            return None
        if self.run.is_paused and not len(self.pages):
            return None  # not even a login, which is no request of a page in progress
        may_begin = self.budget.may_begin and not self.run.is_paused
        self.window.begun_only = not may_begin
        if may_begin:
            self.refill.refill_if_low()
        queued = self.logins.pop_from(self.window, start_page_closed=self.start_page.closed)
        if queued is None:
            self.run.writer.flush_soon()
            self._stop_if_hosts_wait_too_long()
            return None
        self.stats.inc_value("scheduler/dequeued")
        if self.shared is not None:
            self.shared.end_of_run.begun()
        return self.hand_out.request_of(queued, self.spider)

    def _stop_if_hosts_wait_too_long(self) -> None:
        """Stop the crawl if nothing is left but requests to hosts that asked for a wait longer than HOST_PATIENCE."""
        if self.run.is_paused:
            return
        has_ready = self.window.ready or (self.budget.may_begin and self.refill.has_ready)
        if has_ready or self.pages.in_flight or self.uncommitted:
            return
        if not self.commits.start_is_read or (message := self.waits.too_long()) is None:
            return
        if self.shared is not None:  # the requests that are left may be other workers', and only in the table
            self.shared.end_of_run.ask()
            has_waiting = self.shared.end_of_run.is_stuck
        else:
            has_waiting = bool(len(self.window) or self.refill.has_more)
        if has_waiting:
            stop_crawl(self.crawler, "hosts_wait", message)

    # --- What the middlewares and the run ask ---------------------------------------------------------------------

    async def may_read_start(self) -> bool:
        """Return whether ``start()`` is to be read: not if all that it yields is stored, unless it logs in.

        In a shared run one worker reads it, and the others wait until it is read.
        """
        if self.shared is None:
            return not self.commits.start_is_read or self.logins.remakes_sessions
        is_ours = await self.shared.may_read_start()
        if is_ours:
            self.start_page.tenure = self.partitions.tenure_of(START_PART)
        else:
            self.commits.start_is_read = True
        return is_ours

    @property
    def uncommitted(self) -> int:
        """How many commits the writer has not committed yet."""
        return self.commits.uncommitted

    def page_of(self, request: Request | None) -> Page | None:
        """Return the page that a response to this request fills; None if it did not come from the frontier.

        None, too, if the partition was lost since, although this worker may have the same request in a new tenure.
        """
        page = self.pages.get(REQUEST_NUMBER.get(request, -1)) if request is not None else None
        if request is None or page is None or page.tenure is None:
            return page
        return page if TENURE_OWNER.get(request) == page.tenure.owner else None

    def is_left(self, request: Request) -> bool:
        """Return whether the request is left to another worker, because this one gives its partition up or lost it."""
        page = self.page_of(request)
        if page is None:
            return self._is_of_lost_page(request)
        return page.tenure is not None and self.partitions.tenure_of(page.tenure.part) != page.tenure

    def _is_of_lost_page(self, request: Request) -> bool:
        owner = TENURE_OWNER.get(request) if REQUEST_NUMBER.is_in(request) else None
        return owner is not None and not self.partitions.has_owner(owner)

    def is_withheld(self, request: Request) -> bool:
        """Return whether a page's request may not be made now, although it was handed out.

        Its partition is left to another worker, or this worker has not looked at the table for too long: it was
        stopped, and another one may have the partition.
        """
        if self.shared is None or not REQUEST_NUMBER.is_in(request):
            return False
        return not self.shared.may_hand_out or self.is_left(request)

    def fetch_again(self, page: Page, request: Request) -> None:
        """Queue the request of a page whose output was discarded. The page stays open."""
        assert page.number is not None
        page.fetch_again()
        again = request.replace(dont_filter=True)
        REQUEST_NUMBER.set(again, page.number)
        self._queue_again(page.number, again, first=True)

    def queues(self) -> dict[str, int]:
        """Return how many requests wait, by where: those "in_flight" are being downloaded or worked on."""
        return {
            "window": len(self.window),
            "table": self.refill.in_table,
            "in_flight": self.pages.in_flight,
            "uncommitted": self.uncommitted,
        }

    # --- What the parts call --------------------------------------------------------------------------------------

    def _take_back(self, parts: Collection[int]) -> None:
        """Take the requests of partitions out of the download queues, where they wait for the delay of their host."""
        take_back_queued(self.crawler, self.is_left, f"partitions {parts} are left to other workers")

    @property
    def _downloader(self) -> object:
        return self.crawler.engine.downloader if self.crawler.engine is not None else None

    def _begin_delays(self, parts: Collection[int]) -> None:
        assert self.run.held.partitions is not None
        if isinstance(downloader := self._downloader, Downloader):
            downloader.begin_delays(parts, self.run.held.partitions)

    def _commit(self, commit: Commit) -> None:
        if self.run.failure is not None:
            return
        if commit.settled is not None and not self.pages.has(commit):
            return  # it was left to another worker while its callback ran
        if self.shared is not None and commit.tenure is not None and not self.partitions.has(commit.tenure):
            self.shared.drop(commit)
            return
        if self.shared is not None and commit.requests:
            tenures = self.partitions.tenures_of({request.part for request in commit.requests})
            if tenures != {commit.tenure}:
                commit = replace(commit, request_tenures=tenures)
        self.commits.add(commit)

    def _page_committed(self, settled: Settled) -> None:
        """Count a page, and close the crawl after the last page of a trial."""
        self._page_ended()
        self.budget.end(settled)
        if self.budget.is_spent:
            close_crawl(self.crawler, TRIAL_OVER)

    def _page_ended(self) -> None:
        if self.shared is not None:
            self.shared.page_ended()

    def _login_failed(self, commit: Commit) -> None:
        error = commit.settled.error if commit.settled else None
        stop_crawl(self.crawler, "login_failed", f"{commit.url}: no session could be made: {error}")
