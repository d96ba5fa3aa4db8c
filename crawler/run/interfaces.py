"""The interfaces of the classes and functions that settings name: a crawl loads them from rooms above its own.

| setting | names | interface |
| --- | --- | --- |
| `PAGE_WRITER` | `make_writer` in pipelines/storage/writer.py | `MakePageWriter` |
| `PAGE_READER` | `OfflineSpider` in frontier/snapshot_reader.py | `MakePageReader` |
| `PAGE_STORE` | `PageStore` in pipelines/page_replay.py | `MakePageStore` |
| `REPLAY` | `replay` in pipelines/rejected_replay.py | `ReplayRejected` |
| `RUN_ACCEPTANCE` | `accept_run` in pipelines/run_acceptance.py | `AcceptRun` |
| `ITEM_PROCESSOR` | `PageItemProcessor` in pipelines/item_processor.py | `ItemProcessor` |
| `PARTITION_ENGINE` | `engine_of` in workers/engine.py | `MakePartitionEngine` |
| `ITEM_CHECK` | `check_item` in pipelines/item_check.py | `CheckItem` |
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from scrapy import Request
from scrapy.http import Response
from scrapy.settings import BaseSettings, Settings
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from crawler.page.commit import Commit, Committed
from crawler.page.parse_result import ParseResult
from crawler.rendering.comparison import CheckedItem
from crawler.run.verdict import Ending, Policy, Verdict
from models.replayable_pages import ReplayablePage
from models.request import FrontierState, Leased, NewRequest
from models.run import ClaimedRun
from models.worker import Tenure

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FrontierCallbacks:
    """What a run asks its scheduler."""

    fits_in_window: Callable[
        [NewRequest], bool
    ]  # whether a new request goes to memory; the writer's thread asks
    queues: Callable[[], Mapping[str, int]]  # how many requests wait, by where
    wake: Callable[[], None]  # makes the engine ask for requests again
    is_sampler: Callable[[], bool]  # whether this worker of a shared run takes the samples of the run


class PageWriter(Protocol):
    """Reads and writes the frontier of a crawl and commits its pages. It calls all callbacks on the event loop."""

    def start(self) -> None:
        """Start the thread."""

    def put(self, commit: Commit, done: Callable[[Committed], None]) -> None:
        """Accept a commit. ``done`` is called when it is in the database, in the order of the ``put`` calls."""

    def call(self, work: Callable[[Session], T], done: Callable[[T], Any] = ...) -> None:
        """Do the work in a transaction of its own, and call ``done`` with its result."""

    def lease(
        self,
        limit: int,
        done: Callable[[list[Leased]], None],
        waiting_hosts: Sequence[str] = (),
        tenures: Collection[Tenure] = (),
    ) -> None:
        """Fetch up to ``limit`` of the next requests of the frontier that are not for these hosts.

        In a shared run only those of the partitions that these tenures name.
        """

    def wait_for_host(self, host: str, seconds: float) -> None:
        """Store that no request may be made to the host for so many seconds."""

    def release(self, numbers: list[int], tenures: Collection[Tenure] = ()) -> None:
        """Give requests back to the frontier; in a shared run those of the partitions that these tenures name."""

    def give_up(self, tenures: Collection[Tenure], done: Callable[[None], None]) -> None:
        """Give up partitions of a shared run, and call ``done``."""

    def recover_frontier(self, done: Callable[[FrontierState], None]) -> None:
        """Make the frontier ready after a crash, before any other call; ``done`` is called with its state."""

    async def finish(self, ending: Ending) -> Verdict:
        """Commit everything that waits. End the run if it is complete, or leave it to be resumed."""

    def note_workers(self, number: int) -> None:
        """Note the number of workers of the run: more of them collect pages for longer."""

    def flush_soon(self) -> None:
        """Commit what waits without waiting for a full batch: the crawl has nothing else to do."""

    @property
    def backlog(self) -> int:
        """The weight of the commits that wait."""

    @property
    def lag(self) -> float:
        """The age in seconds of the oldest page that waits to be committed; 0 if none waits."""

    @property
    def commits_timed(self) -> tuple[int, float]:
        """The number of transactions of pages that are committed, and the seconds that all of them took."""


class MakePageWriter(Protocol):
    """What `PAGE_WRITER` names."""

    def __call__(
        self,
        sessions: sessionmaker[Session],
        run: ClaimedRun,
        settings: BaseSettings,
        *,
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[Exception], None],
        fits_in_window: Callable[[NewRequest], bool],
        policy: Policy,
        versions: Mapping[str, str],
    ) -> PageWriter:
        """Return a writer that is not started. It calls ``failed`` on the loop if it ends before its time."""


class PartitionMember(Protocol):
    """A worker of a shared run, for the engine that says who may work on which partitions. Any thread may call it."""

    def assigned(self, part: int) -> None:
        """Take a partition: no other worker has it now."""

    def revoked(self, part: int) -> threading.Event:
        """Give a partition up; the event that is returned is set when that is done."""


class PartitionEngine(Protocol):
    """Says who may work on which partitions of a shared run.

    Attributes:
        is_fair: it moves partitions to new workers by itself, so that ``give_up`` is not called.
        error: why its broker cannot be reached now; None if it can.
    """

    is_fair: bool
    error: str | None

    def start(self, member: PartitionMember) -> None:
        """Begin to call the member, from a thread of its own."""

    def make_way(self) -> None:
        """Let other workers be the next owners of partitions, because this one has more than its share."""

    def give_up(self, parts: Collection[int]) -> None:
        """Let other workers have these partitions, because this one has more than its share."""

    def pause(self) -> None:
        """Leave all partitions to other workers, because this one does not reach the database."""

    def resume(self) -> None:
        """Take part again, after ``pause``."""

    def leave(self) -> None:
        """Take no more partitions, and let other workers have those that ``give_up`` names."""

    def stop(self) -> None:
        """End: this worker has given up its partitions."""


class MakePartitionEngine(Protocol):
    """What `PARTITION_ENGINE` names."""

    def __call__(self, url: str, partitions: int) -> Callable[[ClaimedRun], PartitionEngine]:
        """Return what makes an engine that is not started; ``partitions`` are those of a run that is begun.

        Raise ValueError if WORKERS_URL or its broker cannot be used.
        """


class SavedPage(Protocol):
    """A page snapshot (crawler/snapshots/page_snapshot.py, ``PageSnapshot``)."""

    @property
    def url(self) -> str:
        """The URL of the response."""

    @property
    def request(self) -> str:
        """The request as JSON."""

    def response(self, request: Request) -> Response:
        """Return the response of the page, as the callback had it."""


class PageReader(Protocol):
    """A spider that parses page snapshots."""

    async def read(self, kept: SavedPage) -> ParseResult:
        """Parse a page snapshot with the callback and the item pipelines of today."""


class MakePageReader(Protocol):
    """What `PAGE_READER` names."""

    def __call__(
        self, settings: Settings, name: str, arguments: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[PageReader]:
        """Return the reader of the spider with this name; it is open inside ``async with``."""


class ReplayOutcome(Protocol):
    """What the store did with one page."""

    @property
    def stored(self) -> int:
        """The number of rows that are stored."""

    @property
    def newer(self) -> int:
        """The number of rows that a later crawl has seen, and that stay as they are."""

    @property
    def fault(self) -> str | None:
        """Why the page is still broken; None if it is not."""


class PageStore(Protocol):
    """Stores the rows of pages that are parsed again."""

    def store(
        self, page: ReplayablePage, reading: ParseResult, *, reason: str, fetched: datetime
    ) -> ReplayOutcome:
        """Store the valid rows of one page in one transaction."""

    def close(self) -> None:
        """End the run of the replay."""


class MakePageStore(Protocol):
    """What `PAGE_STORE` names."""

    def __call__(self, engine: Engine, settings: BaseSettings) -> PageStore:
        """Claim the run of the replay and return the store."""


class ReplayRejected(Protocol):
    """What `REPLAY` names."""

    def __call__(
        self, engine: Engine, settings: BaseSettings, *, spider: str | None = None, run_id: int | None = None
    ) -> tuple[int, int, int]:
        """Validate rejected items again. Return how many are stored, still rejected, and out of date."""


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """A run that a person accepted.

    Attributes:
        gone: the rows that became gone with it, by table.
        why_none: why no row became gone.
        is_new: False if the run was accepted before.
    """

    run_id: int
    at: datetime
    by: str
    gone: Mapping[str, int] = field(default_factory=dict)
    why_none: str | None = None
    is_new: bool = True

    @property
    def what(self) -> str:
        """What the acceptance did to the rows, in words."""
        if self.why_none is not None:
            return f"no row is marked as gone: {self.why_none}"
        if not self.gone:
            return "no row is gone"
        return ", ".join(
            f"{number} {'row' if number == 1 else 'rows'} of {table} {'is' if number == 1 else 'are'} gone"
            for table, number in self.gone.items()
        )


class AcceptRun(Protocol):
    """What `RUN_ACCEPTANCE` names."""

    def __call__(self, engine: Engine, settings: BaseSettings, run_id: int, *, by: str) -> Acceptance:
        """Accept a run, or raise CannotAccept."""


class ItemProcessor(Protocol):
    """What `ITEM_PROCESSOR` names: Scrapy's item pipelines, which know the page of each item."""

    async def open_spider_async(self) -> None:
        """Open the pipelines."""

    async def close_spider_async(self) -> None:
        """Close the pipelines."""

    async def process_item_async(self, item: Any) -> Any:
        """Return the item as the last pipeline returned it."""


class CheckItem(Protocol):
    """What `ITEM_CHECK` names."""

    def __call__(self, item: Any, spider: Any) -> CheckedItem:
        """Validate an item by the rules of its model. The item is not changed, and no pipeline runs."""
