"""Scrapy's scheduler on the frontier in the database: what is next comes from a table, and so does what is done.

A request is handed out when its discovery is committed, and its page is committed as a whole (``crawler.page``).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.core.scheduler import BaseScheduler
from scrapy.core.scheduler import Scheduler as ScrapyScheduler
from scrapy.crawler import Crawler
from scrapy.utils.defer import deferred_from_coro

from crawler.extensions.kept_pages import KeptPagesExtension
from crawler.extensions.run import RunExtension
from crawler.page import Commit, Committed, Page
from crawler.stopping import stop_crawl
from frontier.errback import Errback
from frontier.output import NUMBER, PAGE
from frontier.request_json import NotJson, decode, encode
from frontier.window import Waiting, Window
from models.request import LEASED, Inventory, Leased, NewRequest

logger = logging.getLogger(__name__)

TEXT = "frontier_text"  # in Request.meta, on the same way: the request as JSON
SESSION = "makes_session"  # in Request.meta, by spiders: the request logs in, and is made anew by a resume
DELAY = "delay"  # in Request.meta, by spiders: seconds before which the request must not be made

OURS = (NUMBER, PAGE, TEXT, SESSION, DELAY)

WINDOW = 10_000  # requests in memory
REMEMBERED = 50_000  # identities that are known to be in the table without asking it
BACKLOG = 4  # batches that may wait to be committed before the crawl waits for the database
LATER = 0.5  # seconds until requests that are not to be made yet are looked at again
ORPHAN_SECONDS = 10.0
IDENTITY_BYTES = 20


class Scheduler(BaseScheduler):
    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self | ScrapyScheduler:  # type: ignore[override]
        """Scrapy's own scheduler where nothing is stored: ``scrapy shell``, ``fetch``, ``parse``."""
        if RunExtension.of(crawler) is None:
            return ScrapyScheduler.from_crawler(crawler)
        return cls(crawler)

    def __init__(self, crawler: Crawler) -> None:
        run = RunExtension.of(crawler)
        assert run is not None and crawler.stats is not None and crawler.request_fingerprinter is not None
        self.crawler, self.run, self.stats = crawler, run, crawler.stats
        self.keeper = KeptPagesExtension.of(crawler)
        self.fingerprint = crawler.request_fingerprinter.fingerprint
        self.batch = crawler.settings.getint("DATABASE_BATCH_ROWS", 500)
        self.window_size = crawler.settings.getint("FRONTIER_WINDOW", WINDOW)
        self.lifo = "Fifo" not in crawler.settings.get("SCHEDULER_MEMORY_QUEUE", "")
        self.window = Window()
        self.start_page = Page(None, None, self._commit)
        self.pages: dict[int, Page] = {}  # of requests that are handed out, until they are committed
        self.under_way: dict[int, Waiting] = {}
        self.uncommitted = 0
        self.in_table = 0  # queued, and not in the window
        self.horizon: tuple[int, int] | None = None  # nothing in the table ranks above it
        self.refilling = False
        self.refill_after = 0.0
        self.next_number = 0
        self.remembered: OrderedDict[bytes, None] = OrderedDict()
        self.makers: set[int] = set()  # requests that make a session and have not done so yet
        self.start_is_read = run.held.start_read
        self.remake_sessions = False
        self.orphaned_since: float | None = None
        run.admits, run.queues = self.admits, self.queues
        crawler.signals.connect(self._announced, signals.request_scheduled)

    # --- What Scrapy asks ---------------------------------------------------------------------------------------

    def open(self, spider: Spider) -> Any:
        self.spider = spider
        return deferred_from_coro(self._open())

    async def _open(self) -> None:
        self.run.start()
        stock: asyncio.Future[Inventory] = asyncio.get_running_loop().create_future()
        self.run.writer.take_stock(stock.set_result)
        inventory = await self.run.or_failed(stock)
        self.next_number, self.in_table = inventory.next_number, inventory.queued
        self.remake_sessions = inventory.makes_sessions
        if self.run.held.resumed:
            logger.info(
                "run %d of %s is resumed: %d requests are left",
                self.run.held.id,
                self.spider.name,
                self.in_table,
            )

    @property
    def reads_start(self) -> bool:
        """Whether ``start()`` is to be read: not if all that it yields is stored, unless it logs in."""
        return not self.start_is_read or self.remake_sessions

    def close(self, reason: str) -> Any:
        return deferred_from_coro(self._close(reason))

    async def _close(self, reason: str) -> None:
        covered = (
            reason == "finished" and self.start_is_read and not self._left() and self.run.failure is None
        )
        why = None
        if reason in ("finished", "start_error") and not covered:
            why = self.start_page.error or "start() did not come to its end"
            why = f"{why.strip().splitlines()[-1]} (in start()); the next crawl goes on from there"
        await self.run.finish(reason, covered=covered, message=why)

    def has_pending_requests(self) -> bool:
        if self.run.failure is not None:
            return False
        if not self._left():
            return False
        self._settle_orphans()
        return True

    def _left(self) -> bool:
        return bool(len(self.window) or self.in_table or self.pages or self.uncommitted or self.refilling)

    def _announced(self, request: Request) -> None:
        """Scrapy is about to hand over a request, unless somebody who heard of it refuses it: we are not told then."""
        asyncio.get_running_loop().call_soon(self._refused, request)

    def _refused(self, request: Request) -> None:
        found_on: Page | None = request.meta.pop(PAGE, None)
        if found_on is not None:
            self.stats.inc_value("scheduler/refused")
            found_on.ended()

    def enqueue_request(self, request: Request) -> bool:
        number = request.meta.get(NUMBER)
        if number in self.pages and not self.pages[number].closed and PAGE not in request.meta:
            self._go_on(number, request)
            return True
        found_on: Page | None = request.meta.pop(PAGE, None)
        request.meta.pop(NUMBER, None)
        try:
            return self._discover(request, found_on or self.start_page)
        finally:
            if found_on is not None:
                found_on.ended()

    def _discover(self, request: Request, page: Page) -> bool:
        identity = self._identity(request, page)
        if identity in self.remembered:
            self.stats.inc_value("dupefilter/filtered")
            return False
        self._remember(identity)
        maker = bool(request.meta.get(SESSION))
        try:
            text = request.meta.pop(TEXT, None)
            if text is None and not maker:
                text = encode(request, self.spider, without_meta=OURS)
        except NotJson as error:
            # The middleware has refused what spiders yield, so this came from elsewhere: an errback, an extension.
            logger.error("cannot be stored, so it is not requested: %s", error)
            page.fail(str(error))
            return False
        number = self.next_number
        self.next_number += 1
        if maker:
            request.meta[NUMBER] = number
            self.makers.add(number)
            self.run.held_back[number] = request
        start = page is self.start_page
        page.discover(
            NewRequest(
                number=number,
                identity=identity,
                url=request.url,
                request=text,
                priority=request.priority,
                # Later ones first, as Scrapy has it, except for those of start(), which come in their order and last.
                position=number if self.lifo and not start else -number,
                depth=int(request.meta.get("depth", 0)),
                parent=page.number,
                not_before=_not_before(request),
            )
        )
        self.stats.inc_value("scheduler/enqueued")
        return True

    def next_request(self) -> Request | None:
        if self.run.failure is not None:
            return None
        if self.run.writer.backlog > BACKLOG * self.batch:
            return None
        if len(self.window) < self.window_size // 4:
            self._refill()
        waiting = self._next_maker() if self._waits_for_session() else self.window.pop()
        if waiting is None:
            self.run.writer.hurry()
            return None
        self.stats.inc_value("scheduler/dequeued")
        if waiting.request is not None and waiting.number in self.pages:
            self.under_way[waiting.number] = waiting
            return waiting.request
        return self._hand_out(waiting)

    # --- Handing out ----------------------------------------------------------------------------------------------

    def _hand_out(self, waiting: Waiting) -> Request | None:
        page = Page(waiting.number, waiting.url, self._commit)
        self.pages[waiting.number] = page
        if self.keeper is not None and waiting.text is not None:  # what makes a session holds a password
            page.keeping = self.keeper.keeping(self.run.held.id, waiting.number, waiting.text)
        try:
            request = waiting.request or decode(waiting.text or "", self.spider)
        except NotJson as error:
            logger.error("%s", error)
            self.window.finished(waiting)
            page.fail(str(error))
            page.exhausted()
            return None
        self.under_way[waiting.number] = waiting
        request.meta[NUMBER] = waiting.number
        request.errback = Errback(request.errback, page)
        return request

    def _go_on(self, number: int, request: Request) -> None:
        """A retry, a redirect, the request to the renderer that a page's request became: it keeps its entry."""
        before = self.under_way.pop(number, None)
        if before is not None:
            self.window.finished(before)
        position = before.position if before else number
        self.window.add(
            Waiting(
                priority=request.priority,
                position=position,
                number=number,
                url=before.url if before else request.url,
                text=None,
                request=request,
            )
        )

    def _waits_for_session(self) -> bool:
        return bool(self.makers) or (self.remake_sessions and not self.start_is_read_again())

    def start_is_read_again(self) -> bool:
        return self.start_page.closed

    def _next_maker(self) -> Waiting | None:
        """What makes a session goes before everything that needs one."""
        kept: list[Waiting] = []
        found = None
        while (waiting := self.window.pop()) is not None:
            if waiting.number in self.makers:
                found = waiting
                break
            self.window.finished(waiting)
            kept.append(waiting)
            if len(kept) > 1000:
                break
        for waiting in kept:
            self.window.add(waiting)
        return found

    def _refill(self) -> None:
        if self.refilling or not self.in_table or time.monotonic() < self.refill_after:
            return
        self.refilling = True
        self.run.writer.lease(self.window_size // 2, self._refilled)

    def _refilled(self, found: list[Leased]) -> None:
        self.refilling = False
        for leased in found:
            self.window.add(
                Waiting(leased.priority, leased.position, leased.number, leased.url, leased.request)
            )
        self.in_table -= len(found)
        if not self.in_table:
            self.horizon = None
        elif found:
            self.horizon = found[-1].priority, found[-1].position
        if not found and self.in_table:  # they are there, and not to be requested yet
            self.refill_after = time.monotonic() + LATER
            asyncio.get_running_loop().call_later(LATER, self._wake)
        self._wake()

    # --- Committing -----------------------------------------------------------------------------------------------

    def page_of(self, request: Request | None) -> Page | None:
        """The page that a response to this request will fill; None for what did not come from the frontier."""
        return self.pages.get(request.meta.get(NUMBER, -1)) if request is not None else None

    def read_start(self) -> None:
        """All that ``start()`` yields was seen."""
        self.start_page.exhausted()

    def _commit(self, commit: Commit) -> None:
        if self.run.failure is not None:
            return
        self.uncommitted += 1
        if commit.settled is not None:
            before = self.under_way.pop(commit.settled.number, None)
            if before is not None:
                self.window.finished(before)
            if self.keeper is not None:
                self.keeper.closed(self.pages[commit.settled.number])
        self.run.writer.put(commit, lambda committed: self._committed(commit, committed))

    def _committed(self, commit: Commit, committed: Committed) -> None:
        self.uncommitted -= 1
        for request in commit.requests:
            self._stored(request, committed.states.get(request.number))
        if commit.settled is not None:
            self.pages.pop(commit.settled.number, None)
            self.stats.inc_value(f"pages/{commit.settled.state}")
            if commit.settled.number in self.makers:
                self._session_made(commit)
        if commit.start_read:
            self.start_is_read = True
        if committed.stored:
            self.stats.inc_value("rows/stored", committed.stored)
        if committed.rejected:
            self.stats.inc_value("rows/rejected", committed.rejected)
        for name, number in committed.changes.items():
            self.stats.inc_value(f"rows/{name}", number)
        if len(self.window) > self.window_size:
            self._spill()
        self._wake()

    def _stored(self, request: NewRequest, state: str | None) -> None:
        held = self.run.held_back.pop(request.number, None)
        if state is None:  # the run has it already
            self.stats.inc_value("dupefilter/filtered")
            self.makers.discard(request.number)
        elif state == LEASED:
            self.window.add(
                Waiting(
                    request.priority, request.position, request.number, request.url, request.request, held
                )
            )
        else:
            self.in_table += 1
            if request.not_before is None:
                self.refill_after = 0.0

    def _session_made(self, commit: Commit) -> None:
        assert commit.settled is not None
        self.makers.discard(commit.settled.number)
        if commit.settled.state != "done":
            stop_crawl(
                self.crawler,
                "login_failed",
                f"{commit.url}: no session could be made: {commit.settled.error}",
            )

    def admits(self, request: NewRequest) -> bool:
        """Whether a new request goes to the window at once. Asked in the writer's thread."""
        if request.not_before is not None or len(self.window) > self.window_size:
            return False
        horizon = self.horizon
        if horizon is None:
            return not self.in_table
        return (request.priority, request.position) > horizon

    def queues(self) -> dict[str, int]:
        """How many requests wait, by where they do: "in_flight" are being downloaded or worked on."""
        return {
            "window": len(self.window),
            "table": self.in_table,
            "in_flight": len(self.under_way),
            "uncommitted": self.uncommitted,
        }

    def _spill(self) -> None:
        """Give the last half of the window back to the table: memory does not grow with the crawl."""
        worst = self.window.take_worst(len(self.window) - self.window_size // 2)
        if not worst:
            return
        best = worst[0].rank
        self.horizon = max(self.horizon, best) if self.horizon else best
        self.in_table += len(worst)
        self.run.writer.release([waiting.number for waiting in worst])

    # --- The rest -------------------------------------------------------------------------------------------------

    def _identity(self, request: Request, page: Page) -> bytes:
        fingerprint = self.fingerprint(request)
        if (
            len(fingerprint) != IDENTITY_BYTES
        ):  # a fingerprinter may make them of any length; scrapy-splash's is hex
            fingerprint = hashlib.sha1(fingerprint, usedforsecurity=False).digest()
        if request.meta.get(SESSION):
            return hashlib.sha1(fingerprint + self.run.held.owner.encode(), usedforsecurity=False).digest()
        if not request.dont_filter:
            return fingerprint
        # Unique, and the same again when the page is processed again after a crash.
        nth = page.identities.get(fingerprint, 0)
        page.identities[fingerprint] = nth + 1
        place = f" {page.number} {nth}".encode()
        return hashlib.sha1(fingerprint + place, usedforsecurity=False).digest()

    def _remember(self, identity: bytes) -> None:
        self.remembered[identity] = None
        if len(self.remembered) > REMEMBERED:
            self.remembered.popitem(last=False)

    def _settle_orphans(self) -> None:
        """Requests that a signal handler or a middleware swallowed: nothing is left that would settle them.

        Scrapy asks whether something is pending only when nothing is being downloaded or processed.
        """
        engine = self.crawler.engine
        idle = engine is not None and not getattr(engine._slot, "inprogress", True)
        if not self.pages or self.uncommitted or len(self.window) or not idle:
            self.orphaned_since = None
            return
        now = time.monotonic()
        if self.orphaned_since is None:
            self.orphaned_since = now
        elif now - self.orphaned_since > ORPHAN_SECONDS:
            for page in list(self.pages.values()):
                page.abandoned()

    def _wake(self) -> None:
        """Have the engine ask again: there is something new."""
        engine = self.crawler.engine
        slot = getattr(engine, "_slot", None)
        if slot is not None:
            slot.nextcall.schedule()


def _not_before(request: Request) -> datetime | None:
    delay = request.meta.get(DELAY)
    return datetime.now(UTC) + timedelta(seconds=float(delay)) if delay else None
