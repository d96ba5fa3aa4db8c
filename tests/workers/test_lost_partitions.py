"""The writer of a worker that another worker has taken partitions from, which it does not know yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from crawler.page.commit import Commit
from models.request import CrawlRequest, Leased
from models.worker import CrawlPartition, CrawlWorker
from pipelines.storage.run_context import RunContext
from pipelines.storage.writer import Writer
from tests.pipelines.runs import page
from tests.workers.test_shared_tables import Worker, queue, requests_of

KEPT, LOST = 0, 3  # partitions


def ask_writer(worker: Worker, ask: Callable[[Writer], None]) -> None:
    """Start the writer of a worker, ask it for something, and wait until it has ended."""

    async def work() -> None:
        run = replace(worker.run, commits=worker.transactions.number)
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[Exception] = loop.create_future()
        writer = Writer(worker.sessions, RunContext(run=run), loop=loop, failed=failed.set_result)
        writer.start()
        ask(writer)
        await writer.close()
        await asyncio.sleep(0)
        assert writer.error is None

    asyncio.run(work())


def take_away(sessions: sessionmaker[Session]) -> None:
    """Let another worker take the partition LOST."""
    with sessions.begin() as session:
        session.execute(
            update(CrawlPartition).where(CrawlPartition.part == LOST).values(owner="of another", worker=7)
        )


def states(sessions: sessionmaker[Session]) -> dict[int, str]:
    """Return the states of the requests by partition."""
    with sessions() as session:
        return {row[0]: row[1] for row in session.execute(select(CrawlRequest.part, CrawlRequest.state))}


def test_a_request_of_a_lost_partition_is_not_leased(sessions: sessionmaker[Session]) -> None:
    worker = Worker(sessions)
    worker.balances()
    queue(sessions, worker.run, KEPT, LOST)
    take_away(sessions)
    found: list[Leased] = []
    ask_writer(worker, lambda writer: writer.lease(4, found.extend, (), worker.tenures))
    assert [one.part for one in found] == [KEPT]
    assert states(sessions) == {KEPT: "leased", LOST: "queued"}


def test_a_look_that_finds_no_request_is_no_transaction_of_the_worker(
    sessions: sessionmaker[Session],
) -> None:
    worker = Worker(sessions)
    worker.balances()
    found: list[list[Leased]] = []
    ask_writer(worker, lambda writer: writer.lease(4, found.append, (), worker.tenures))
    assert found == [[]]
    with sessions() as session:
        assert session.scalars(select(CrawlWorker.commits)).all() == [worker.transactions.number]
        assert {*session.scalars(select(CrawlPartition.commits))} == {0}


def test_a_new_request_of_another_partition_of_the_worker_is_leased_at_once(
    sessions: sessionmaker[Session],
) -> None:
    worker = Worker(sessions)
    worker.balances()
    [outcome] = worker.commits(page_with_requests(worker))
    assert sorted(outcome.states.values()) == ["leased", "leased"]
    assert states(sessions) == {KEPT: "leased", LOST: "leased"}


def test_a_page_with_a_new_request_of_a_lost_partition_is_committed(sessions: sessionmaker[Session]) -> None:
    """The next owner of the partition finds the request in the table."""
    worker = Worker(sessions)
    worker.balances()
    take_away(sessions)
    [outcome] = worker.commits(page_with_requests(worker))
    assert not outcome.lost
    assert states(sessions) == {KEPT: "leased", LOST: "queued"}


def page_with_requests(worker: Worker) -> Commit:
    """Return a page of the partition KEPT with a request of KEPT and one of LOST."""
    tenures = {one.part: one for one in worker.tenures}
    return replace(
        page(),
        tenure=tenures[KEPT],
        requests=tuple(requests_of(worker.run, (KEPT, LOST))),
        request_tenures=frozenset({tenures[KEPT], tenures[LOST]}),
    )


def test_a_request_that_the_next_owner_has_leased_is_not_queued_again(
    sessions: sessionmaker[Session],
) -> None:
    worker = Worker(sessions)
    worker.balances()
    numbers = queue(sessions, worker.run, KEPT, LOST, state="leased")
    take_away(sessions)
    ask_writer(worker, lambda writer: writer.release(numbers, worker.tenures))
    assert states(sessions) == {KEPT: "queued", LOST: "leased"}
