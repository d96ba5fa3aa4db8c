"""A worker that reads start() and loses it stops; another one that loses a partition goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from scrapy import Request

from crawler.meta_keys import REQUEST_NUMBER, TENURE_OWNER
from crawler.page.commit import Commit
from crawler.page.page import Page
from frontier.pages_in_progress import PagesInProgress
from frontier.partitions import Partitions
from frontier.request_identity import RequestIdentities
from frontier.scheduler import Scheduler
from frontier.shared_run import TRUSTED, SharedRun, look_pause
from frontier.window import QueuedRequest, Window
from models.request import Settled
from models.shared_run import START_PART, Balance
from models.worker import Tenure
from tests.workers.test_engines import RUN


class Writer:
    """Notes which partitions are given up. Nothing else is asked of a database here."""

    def __init__(self) -> None:
        self.given_up: list[Tenure] = []
        self.has_given_two_up = asyncio.Event()
        self.workers = 1

    def note_workers(self, number: int) -> None:
        self.workers = number

    def call(self, _work: Any, _done: Any = None) -> None:
        """Do nothing: the table is not asked."""

    def give_up(self, tenures: list[Tenure], done: Callable[[None], None]) -> None:
        self.given_up += tenures
        if len(self.given_up) == 2:
            self.has_given_two_up.set()
        done(None)


class Worker:
    """A worker with the partitions 0 and 1."""

    def __init__(self, engine: Any = None) -> None:
        self.writer, self.is_closing, self.taken_back = Writer(), False, list[int]()
        self.window, self.partitions, self.stopped = Window(), Partitions(), list[str]()
        self.partitions.add([Tenure(START_PART, "a"), Tenure(1, "b")])
        self.identities = RequestIdentities(lambda _: b"", "owner")
        self.pages = PagesInProgress(self.window)
        nothing = cast("Any", None)
        self.shared = SharedRun(
            RUN,
            self.partitions,
            window=self.window,
            pages=self.pages,
            refill=nothing,
            waits=nothing,
            rendering=nothing,
            identities=self.identities,
            engine=engine,
            patience=1.0,
            stop=self.stopped.append,
            is_closing=lambda: self.is_closing,
            take_back=self.taken_back.extend,
            begin_delays=lambda _: None,
            writer=lambda: cast("Any", self.writer),
            wake=lambda: None,
        )


def test_a_worker_that_loses_start_while_it_reads_it_stops() -> None:
    worker = Worker()
    assert asyncio.run(worker.shared.may_read_start())
    worker.shared.lose([Tenure(1, "b")])
    assert not worker.stopped
    worker.shared.lose([Tenure(START_PART, "another tenure")])
    assert not worker.stopped
    worker.shared.lose([Tenure(START_PART, "a")])
    assert worker.stopped == ["another worker reads start() now, and this one cannot read it a second time"]


@pytest.mark.parametrize("seconds", [1.0, 20.0])
def test_a_worker_that_loses_valid_leases_says_why_once(
    seconds: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [100.0]
    monkeypatch.setattr("frontier.shared_run.seconds_now", lambda: clock[0])
    worker = Worker()
    first, second = Tenure(START_PART, "a"), Tenure(1, "b")
    worker.shared.start_is_read = True
    worker.shared._found(Balance(held=[first, second]), [first, second], clock[0])
    for held, known in (([second], [first, second]), ([], [second])):
        clock[0] += seconds
        worker.shared._found(Balance(held=held), known, clock[0])
    told = [message for message in caplog.messages if "write the same WORKERS_URL" in message]
    assert len(told) == (1 if seconds == 1.0 else 0)


def test_a_worker_that_has_read_start_goes_on_without_it() -> None:
    worker = Worker()
    assert asyncio.run(worker.shared.may_read_start())
    worker.shared.start_is_read = True
    worker.shared.lose([Tenure(START_PART, "a")])
    assert not worker.stopped and worker.partitions.active == {Tenure(1, "b")}


def test_a_worker_forgets_the_requests_and_the_duplicates_of_a_lost_partition() -> None:
    """Pages that are not stored discovered requests: the same requests are new when another page discovers them."""
    worker = Worker()
    for part in (START_PART, 1):
        worker.window.add(QueuedRequest(0, part, part, f"http://host{part}/", "{}", part=part))
    assert worker.identities.is_new(b"1") and not worker.identities.is_new(b"1")
    worker.shared.lose([Tenure(1, "b")])
    assert [queued.part for queued in iter(worker.window.pop, None)] == [START_PART]
    assert worker.identities.is_new(b"1")


def page_of(worker: Worker, number: int, part: int) -> Page:
    """Return a page of a partition whose request is on its way."""
    page = Page(number, f"http://host{part}/", lambda _: None)
    page.tenure = worker.partitions.tenure_of(part)
    worker.pages.add(page)
    return page


def test_a_worker_that_leaves_gives_each_partition_up_when_its_pages_are_committed() -> None:
    async def check() -> None:
        worker = Worker()
        worker.window.add(QueuedRequest(0, 1, 1, "http://host1/", "{}", part=1))
        page_of(worker, 7, part=1)
        worker.is_closing = True
        worker.shared.start()
        assert {*worker.taken_back} == {START_PART, 1} and not worker.window
        assert worker.writer.given_up == [Tenure(START_PART, "a")]
        worker.pages.remove(7)
        worker.shared._tick()
        assert worker.writer.given_up == [Tenure(START_PART, "a"), Tenure(1, "b")]
        worker.shared.close()

    asyncio.run(check())


def test_a_partition_that_a_worker_was_taking_when_it_began_to_leave_is_given_up_too() -> None:
    async def check() -> None:
        worker = Worker()
        worker.is_closing = True
        worker.shared.start()
        worker.partitions.add([Tenure(2, "c")])
        worker.shared._tick()
        assert worker.writer.given_up[2:] == [Tenure(2, "c")]
        worker.shared.close()

    asyncio.run(check())


def test_a_retry_of_a_partition_that_is_given_up_is_left_to_the_next_owner() -> None:
    async def check() -> None:
        worker = Worker()
        page_of(worker, 7, part=1)
        worker.pages.queue_again(7, Request("http://host1/"))
        worker.is_closing = True
        worker.shared.start()
        assert worker.pages.get(7) is None and len(worker.writer.given_up) == 2
        worker.shared.close()

    asyncio.run(check())


def lost_and_taken_again(worker: Worker) -> tuple[Page, Page]:
    """Return two pages of request 7: the worker has lost its partition, taken it again, and made the request again."""
    before = page_of(worker, 7, part=1)
    worker.shared.lose([Tenure(1, "b")])
    worker.partitions.add([Tenure(1, "c")])
    return before, page_of(worker, 7, part=1)


def test_the_late_end_of_a_page_that_was_lost_does_not_drop_the_page_that_replaced_it() -> None:
    """The request would be leased for ever otherwise, and the run would not end."""
    worker = Worker()
    before, now = lost_and_taken_again(worker)
    settled = Settled(number=7, state="done")
    worker.shared.drop(Commit(number=7, tenure=before.tenure, settled=settled))
    assert worker.pages.get(7) is now
    assert not worker.pages.has(Commit(number=7, tenure=before.tenure, settled=settled))
    worker.partitions.remove([Tenure(1, "c")])
    worker.shared.drop(Commit(number=7, tenure=now.tenure, settled=settled))
    assert worker.pages.get(7) is None


def test_the_late_answer_to_a_lost_page_does_not_fill_the_page_that_replaced_it() -> None:
    worker = Worker()
    _, now = lost_and_taken_again(worker)
    scheduler = Scheduler.__new__(Scheduler)  # only its pages are asked
    scheduler.pages = worker.pages

    def answer_in(owner: str) -> Request:
        return Request("http://host1/", meta={REQUEST_NUMBER.name: 7, TENURE_OWNER.name: owner})

    assert scheduler.page_of(answer_in("b")) is None
    assert scheduler.page_of(answer_in("c")) is now


@pytest.mark.parametrize(("workers", "seconds"), [(1, 1.0), (4, 1.0), (8, 2.0), (12, 3.0), (500, 3.0)])
def test_many_workers_look_less_often_and_within_their_lease(workers: int, seconds: float) -> None:
    assert look_pause(workers) == seconds < TRUSTED


def test_a_look_that_began_before_a_partition_was_taken_does_not_take_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("frontier.shared_run.RETAKE", -1.0)

    async def check() -> None:
        worker = Worker(Engine())
        worker.shared.start()
        for part in (1, 2):
            worker.shared.assigned(part)
        await asyncio.sleep(0)
        worker.shared._assigned.clear()  # both were taken; then another worker has taken 2
        worker.shared._found(Balance(held=[Tenure(START_PART, "a")]), [Tenure(START_PART, "a")], 0.0)
        await asyncio.sleep(0)
        assert worker.shared._assigned == {2}
        worker.shared._found(Balance(held=[], workers=3), [], 0.0)
        assert worker.writer.workers == 3
        worker.shared.close()

    asyncio.run(check())


def test_a_partition_that_was_revoked_while_the_database_was_away_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("frontier.shared_run.take", lambda _session, _run, parts: parts)

    async def check() -> None:
        worker = Worker(Engine())
        worker.shared.start()
        for part in (5, 6):
            worker.shared.assigned(part)
        worker.shared.revoked(6)
        await asyncio.sleep(0)
        assert worker.shared._take_in_table(cast("Any", None), [5, 6]) == [5]
        worker.shared.close()

    asyncio.run(check())


class Engine:
    """Notes what a worker tells its engine."""

    is_fair, error = True, None

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self, _member: Any) -> None:
        self.told.append("start")

    def leave(self) -> None:
        self.told.append("leave")

    def give_up(self, parts: list[int]) -> None:
        self.told.append(f"give up {parts}")


def test_an_engine_that_revokes_a_partition_waits_for_the_pages_of_a_worker_that_leaves() -> None:
    async def check() -> None:
        engine = Engine()
        worker = Worker(engine)
        page_of(worker, 7, part=1)
        worker.is_closing = True
        worker.shared.start()
        assert engine.told == ["leave", "give up [0]", "start"]
        event = worker.shared.revoked(1)
        await asyncio.sleep(0)
        assert not event.is_set()
        worker.pages.remove(7)
        worker.shared._tick()
        assert event.is_set()
        worker.shared.close()

    asyncio.run(check())


def test_partitions_whose_last_page_was_committed_are_given_up_before_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("frontier.shared_run.TICK", 1000.0)

    async def check() -> None:
        worker = Worker()
        page_of(worker, 7, part=1)
        worker.is_closing = True
        worker.shared.start()
        worker.pages.remove(7)
        worker.shared.page_ended()
        async with asyncio.timeout(60):
            await worker.writer.has_given_two_up.wait()
        assert worker.writer.given_up == [Tenure(START_PART, "a"), Tenure(1, "b")]
        worker.shared.close()

    asyncio.run(check())
