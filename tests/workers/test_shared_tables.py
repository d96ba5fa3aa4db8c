"""The tables of a shared run: joining, taking partitions, losing them, and the end of the run, on both servers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from scrapy import Spider
from scrapy.utils.test import get_crawler
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from crawler.page.commit import Commit, Committed
from crawler.run.extension import RunExtension
from crawler.run.verdict import Ending
from models import CrawlPartition, CrawlRequest, CrawlRun, CrawlWorker, Quote, RowChange
from models.process_id import Process
from models.request import NewRequest, Settled, insert_new, lease, parts_with_queued, recover_frontier
from models.run import (
    WORKER_TIMEOUT,
    CannotShare,
    ClaimedRun,
    RunEnd,
    RunIsAlive,
    RunLost,
    claim_run,
    database_now,
    end_run,
)
from models.session import make_engine, make_sessions
from models.shared_run import (
    NUMBERS,
    START_TIME,
    RunPart,
    balance,
    give_up,
    hold_end,
    join_run,
    leave_run,
    look_for_end,
    note_busy,
    note_leaving,
    take,
)
from models.worker import PartitionsLost, Tenure, hold_partitions
from pipelines.storage.commit_pages import commit_pages
from pipelines.storage.leave_run import leave
from pipelines.storage.retry import Transactions
from pipelines.storage.run_context import RunContext
from pipelines.storage.transaction import write_pages
from tests.pipelines.demo_rows import quote
from tests.pipelines.runs import page
from tests.pipelines.test_writer import CONNECTIONS

T = TypeVar("T")

PARTS = 8
LOCK_TIMEOUT = {
    "mysql": "SET SESSION innodb_lock_wait_timeout = 20",
    "postgresql": "SET lock_timeout = '20s'",
}


class Worker:
    """A worker, as its process is: it has its own name, and its own count of transactions."""

    def __init__(self, sessions: sessionmaker[Session], **options: Any) -> None:
        Process.current.cache_clear()  # the random part of the name is another one
        self.run = join_run(sessions, "hosts", {}, partitions=PARTS, **options)
        self.sessions = sessions
        self.transactions = Transactions(sessions, self.run, patience=20)
        self.tenures: list[Tenure] = []

    def does(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return self.transactions.run(lambda session: work(session, self.run, *arguments, **named))

    def balances(self, *, takes: bool = True) -> Any:
        found = self.does(balance, self.tenures, takes=takes)
        self.tenures = list(found.held)
        return found

    def gives_up(self, number: int) -> None:
        self.does(give_up, self.tenures[:number])
        del self.tenures[:number]

    def commits(self, *commits: Commit) -> list[Committed]:
        return commit_pages(self.transactions, RunContext(run=self.run), commits)

    def is_silent(self) -> None:
        """Set its last heartbeat back, as if it had been stopped for so long."""
        with self.sessions.begin() as session:
            session.execute(
                update(CrawlWorker)
                .where(CrawlWorker.run_id == self.run.id, CrawlWorker.number == self.run.worker)
                .values(heartbeat_at=database_now(session) - WORKER_TIMEOUT - timedelta(seconds=1))
            )


def parts_of(tenures: Sequence[Tenure]) -> list[int]:
    return sorted(one.part for one in tenures)


def queue(sessions: sessionmaker[Session], run: ClaimedRun, *parts: int, state: str = "queued") -> list[int]:
    """Store a request for each of these partitions; return their numbers."""
    found = requests_of(run, parts, state)
    with sessions.begin() as session:
        insert_new(session, run.id, found, lambda _: state == "leased", is_shared=True)
    return [one.number for one in found]


def requests_of(run: ClaimedRun, parts: Sequence[int], state: str = "queued") -> list[NewRequest]:
    """Return a new request for each of these partitions."""
    first = (run.worker or 0) * NUMBERS
    return [
        NewRequest(
            number=first + position,
            identity=f"{state}{first + position:>10}".ljust(20)[:20].encode(),
            url=f"http://host{part}/{position}",
            request="{}",
            priority=0,
            position=position,
            part=part,
        )
        for position, part in enumerate(parts)
    ]


def states(sessions: sessionmaker[Session]) -> Counter[str]:
    with sessions() as session:
        return Counter(session.scalars(select(CrawlRequest.state)))


def start_is_read(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        session.execute(update(CrawlRun).values(start_read=True))


def at_once(*works: Callable[[], T]) -> list[T]:
    """Do all of this in threads that begin at the same moment."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], T]) -> T:
        barrier.wait(20)
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return [one.result(60) for one in [threads.submit(begin, work) for work in works]]


# --- Joining -------------------------------------------------------------------------------------------------------


def test_workers_that_join_at_once_share_one_run(sessions: sessionmaker[Session]) -> None:
    joined = at_once(*[lambda: join_run(sessions, "hosts", {}, partitions=PARTS)] * 8)
    assert {run.id for run in joined} == {joined[0].id}
    assert sorted(run.worker for run in joined if run.worker is not None) == [*range(8)]
    assert {run.partitions for run in joined} == {PARTS}
    assert [run.resumed for run in joined].count(False) == 1
    with sessions() as session:
        assert len(session.scalars(select(CrawlPartition.part)).all()) == PARTS


def test_other_arguments_are_another_run(sessions: sessionmaker[Session]) -> None:
    one = join_run(sessions, "hosts", {}, partitions=PARTS)
    other = join_run(sessions, "hosts", {"city": "Ulm"}, partitions=PARTS)
    assert one.id != other.id and (one.worker, other.worker) == (0, 0)


def test_a_run_that_one_process_began_is_not_shared(sessions: sessionmaker[Session]) -> None:
    begun = claim_run(sessions, "hosts", {})
    with pytest.raises(RunIsAlive, match=f"run {begun.id} of hosts is in use"):
        join_run(sessions, "hosts", {}, partitions=PARTS)
    with sessions.begin() as session:
        session.execute(update(CrawlRun).values(owner=None))
    with pytest.raises(CannotShare, match=f"run {begun.id} of hosts was begun by one process"):
        join_run(sessions, "hosts", {}, partitions=PARTS)
    assert join_run(sessions, "hosts", {}, partitions=PARTS, fresh=True).given_up == begun.id


def test_a_shared_run_has_no_second_kind_of_crawl(sessions: sessionmaker[Session]) -> None:
    worker = Worker(sessions)
    with pytest.raises(RunIsAlive, match="--shared` joins them"):
        claim_run(sessions, "hosts", {})
    with pytest.raises(RunIsAlive, match="--shared` joins them"):
        Worker(sessions, fresh=True)
    worker.is_silent()
    assert Worker(sessions, fresh=True).run.given_up == worker.run.id


def test_a_lease_of_several_partitions_shares_its_limit_among_those_with_requests(
    sessions: sessionmaker[Session],
) -> None:
    worker = Worker(sessions)
    worker.balances()
    numbers = queue(sessions, worker.run, 0, 0, 0, 5, 5, 9)
    with sessions.begin() as session:
        with_queued = sorted(parts_with_queued(session, worker.run.id, (0, 2, 5, 7)))
        assert with_queued == [0, 5]
        leased = lease(session, worker.run.id, 4, database_now(session), (), with_queued)
        assert sorted(one.part for one in leased) == [0, 0, 5, 5]
        query = select(CrawlRequest.number).where(CrawlRequest.state == "leased")
        assert {*session.scalars(query)} == {one.number for one in leased} < {*numbers}
        left = lease(session, worker.run.id, 4, database_now(session), (), (0, 2, 5, 7))
        assert [one.part for one in left] == [0]
        assert lease(session, worker.run.id, 4, database_now(session), (), (2, 7)) == []


def test_a_plain_crawl_resumes_a_shared_run_whose_workers_are_dead(sessions: sessionmaker[Session]) -> None:
    worker = Worker(sessions)
    worker.balances()
    queue(sessions, worker.run, 0, 3, 5)
    with sessions.begin() as session:
        lease(session, worker.run.id, 1, database_now(session), (), (3,))
    worker.is_silent()
    resumed = claim_run(sessions, "hosts", {})
    assert (resumed.id, resumed.resumed, resumed.is_shared) == (worker.run.id, True, False)
    with sessions.begin() as session:
        assert recover_frontier(session, resumed.id, start_read=False).queued == 3
        assert {*session.scalars(select(CrawlRequest.part))} == {0}
        assert not session.scalars(select(CrawlPartition)).all()
    with pytest.raises(RunLost, match="put out of the run"):  # it was only stopped, and goes on
        worker.balances()


def test_the_first_worker_of_a_run_whose_workers_have_left_tries_failed_pages_again(
    sessions: sessionmaker[Session],
) -> None:
    worker = Worker(sessions)
    worker.balances()
    (number,) = queue(sessions, worker.run, 3, state="leased")
    (tenure,) = (one for one in worker.tenures if one.part == 3)
    worker.commits(Commit(number=number, settled=Settled(number=number, state="failed"), tenure=tenure))
    Worker(sessions)  # it joins a worker that lives: nothing is tried again
    assert states(sessions) == {"failed": 1}
    with sessions.begin() as session:
        session.execute(update(CrawlWorker).values(left_at=database_now(session)))
    assert Worker(sessions).run.worker == 2
    assert states(sessions) == {"queued": 1}


# --- Taking and giving up ------------------------------------------------------------------------------------------


def test_workers_have_equal_shares(sessions: sessionmaker[Session]) -> None:
    first = Worker(sessions)
    assert parts_of(first.balances().taken) == [*range(PARTS)]
    taken = first.tenures
    assert len({one.owner for one in taken}) == PARTS
    assert first.balances().held == taken
    others = [Worker(sessions), Worker(sessions)]
    assert [other.balances().taken for other in others] == [[], []]  # nothing is taken from a living worker
    assert first.balances().surplus == PARTS - 3
    first.gives_up(PARTS - 3)
    for other in others:
        other.balances()
    assert [len(one.tenures) for one in (first, *others)] == [3, 3, 2]
    assert parts_of([tenure for one in (first, *others) for tenure in one.tenures]) == [*range(PARTS)]


def test_a_worker_that_has_not_looked_yet_or_leaves_has_no_share(sessions: sessionmaker[Session]) -> None:
    """Others would leave partitions free for it, and their hosts would wait."""
    first, other = Worker(sessions), Worker(sessions)
    with sessions.begin() as session:
        session.execute(update(CrawlWorker).values(joined_at=database_now(session) - START_TIME))
    assert len(first.balances().held) == PARTS
    other.balances()
    assert first.balances().surplus == PARTS // 2
    first.gives_up(PARTS // 2)
    assert len(other.balances().held) == PARTS // 2
    other.does(note_leaving)
    other.gives_up(1)
    assert len(first.balances().held) == PARTS // 2 + 1
    other.gives_up(PARTS // 2 - 1)
    assert len(first.balances().held) == PARTS and other.balances(takes=False).held == []


def test_workers_that_balance_at_once_take_each_partition_once(sessions: sessionmaker[Session]) -> None:
    workers = [Worker(sessions) for _ in range(4)]
    at_once(*(worker.balances for worker in workers))
    for worker in workers:  # a partition that another one looked at in that moment was skipped
        worker.balances()
    assert parts_of([tenure for worker in workers for tenure in worker.tenures]) == [*range(PARTS)]
    assert {len(worker.tenures) for worker in workers} == {PARTS // 4}


def test_the_partitions_of_a_silent_worker_are_taken_over(sessions: sessionmaker[Session]) -> None:
    zombie = Worker(sessions)
    zombie.balances()
    other = Worker(sessions)
    queue(sessions, zombie.run, 3, 5, state="leased")
    zombie.is_silent()
    assert parts_of(other.balances().taken) == [*range(PARTS)]
    assert states(sessions) == {"queued": 2}  # they were in the memory of the silent worker
    old = list(zombie.tenures)
    with pytest.raises(PartitionsLost) as lost:
        zombie.does(lambda session, run: hold_partitions(session, run.id, old[:2]))
    assert lost.value.tenures == {*old[:2]}
    assert zombie.balances(takes=False).held == []


def test_a_silent_worker_writes_nothing_of_partitions_that_it_has_lost(
    sessions: sessionmaker[Session],
) -> None:
    zombie = Worker(sessions)
    zombie.balances()
    other = Worker(sessions)
    numbers = queue(sessions, zombie.run, 3, 5, state="leased")
    tenures = {one.part: one for one in zombie.tenures}
    lost, kept = (
        page((Quote, quote(part)), number=number, tenure=tenures[part])
        for number, part in zip(numbers, (3, 5), strict=True)
    )
    other.tenures = list(other.does(take, [3]).held)
    outcome = zombie.commits(lost, kept)
    assert [one.lost for one in outcome] == [True, False]
    with sessions() as session:
        assert [row.quote_id for row in session.scalars(select(Quote))] == [5]
        done = select(CrawlRequest.number, CrawlRequest.state, CrawlRequest.attempts)
        assert {tuple(row) for row in session.execute(done)} == {
            (numbers[0], "queued", 0),
            (numbers[1], "done", 1),
        }


def test_a_commit_whose_answer_is_lost_takes_place_once(
    sessions: sessionmaker[Session], server: Engine
) -> None:
    worker = Worker(sessions)
    worker.balances()
    (number,) = queue(sessions, worker.run, 3, state="leased")
    (tenure,) = (one for one in worker.tenures if one.part == 3)
    real, lost = server.dialect.do_commit, []

    def commit_and_end_the_connection(connection: Any) -> None:
        real(connection)
        if not lost:
            lost.append(True)
            raise server.dialect.loaded_dbapi.OperationalError(2013, "Lost connection to server during query")

    server.dialect.do_commit = commit_and_end_the_connection  # type: ignore[method-assign]
    try:
        (committed,) = worker.commits(page((Quote, quote(1)), number=number, tenure=tenure))
    finally:
        server.dialect.do_commit = real  # type: ignore[method-assign]
    assert lost and committed.stored == 1
    with sessions() as session:
        assert session.scalars(select(CrawlRequest.attempts)).all() == [1]
        assert session.scalars(select(CrawlWorker.pages)).all() == [1]
    worker.balances()  # the number of its transaction is right


def test_a_row_that_two_workers_find_at_once_is_created_once(
    sessions: sessionmaker[Session], server: Engine
) -> None:
    """Both compare it with the table before one of them commits it."""
    one, other = Worker(sessions), Worker(sessions)
    rows = [(Quote, quote(number)) for number in (1, 2, 3)]
    later = [(Quote, quote(1)), (Quote, {**quote(2), "body": "another text"}), (Quote, quote(4))]
    with ThreadPoolExecutor() as threads, sessions() as session:
        write_pages(session, RunContext(run=one.run), [page(*rows)])
        committed = threads.submit(other.commits, page(*later))
        wait_for_a_lock_wait(server)
        session.commit()
        assert committed.result(30)[0].stored == 3
    with sessions() as session:
        assert Counter(session.scalars(select(RowChange.kind))) == {"created": 4, "changed": 1}
        assert len(session.scalars(select(Quote)).all()) == 4


@pytest.mark.parametrize("is_alone", [False, True], ids=["knows the other", "does not know the other"])
def test_a_request_that_two_workers_discover_at_once_is_stored_once(
    sessions: sessionmaker[Session], server: Engine, *, is_alone: bool
) -> None:
    """Both look for it in the table before one of them commits it."""
    one, other = Worker(sessions), Worker(sessions)
    first, later = requests_of(one.run, (1, 2)), requests_of(other.run, (1, 2, 3))
    later = [
        replace(request, identity=same.identity) for request, same in zip(later, first, strict=False)
    ] + later[2:]

    def discover(session: Session, run: ClaimedRun) -> Any:
        return insert_new(session, run.id, later, lambda _: True, is_shared=True, is_alone=is_alone)

    with ThreadPoolExecutor() as threads, sessions() as session:
        assert len(insert_new(session, one.run.id, first, lambda _: True, is_shared=True)) == 2
        discovered = threads.submit(other.does, discover)
        wait_for_a_lock_wait(server)
        session.commit()
        assert discovered.result(30) == {later[2].number: "leased"}
    with sessions() as session:
        numbers = {*session.scalars(select(CrawlRequest.number))}
        assert numbers == {first[0].number, first[1].number, later[2].number}


def test_a_worker_that_wakes_after_the_run_was_taken_up_again_writes_nothing(
    sessions: sessionmaker[Session],
) -> None:
    """The first one that joins a run of dead workers deletes the rejected items of pages that are fetched again."""
    stopped = Worker(sessions)
    stopped.balances()
    stopped.is_silent()
    Worker(sessions)
    with pytest.raises(PartitionsLost):
        stopped.does(lambda session, run: hold_partitions(session, run.id, stopped.tenures[:1]))


def wait_for_a_lock_wait(server: Engine) -> None:
    """Wait until a transaction waits for the lock of another one."""
    waiting, _ = CONNECTIONS[server.dialect.name]
    deadline = time.monotonic() + 20
    with server.connect() as watcher:
        while not watcher.execute(text(waiting)).first():
            watcher.rollback()
            assert time.monotonic() < deadline
            time.sleep(0.15)  # between two looks; MariaDB repeats its answer for 0.1 s


def test_the_server_ends_a_transaction_of_a_worker_that_does_nothing(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is stopped inside a transaction would keep its locks, and nobody could take its partitions."""
    monkeypatch.setattr("crawler.run.extension.IDLE_LIMIT", 1)
    settings = {"DATABASE_URL": server_url, "RUN_SHARED": True, "WORKERS_URL": ""}
    crawler = get_crawler(Spider, settings)
    crawler.spider = Spider("hosts")
    extension = copy_context().run(RunExtension, crawler)  # it sets the run of the context's log lines
    other = Worker(make_sessions(make_engine(server_url)))
    with extension.sessions() as session:
        tenures = balance(session, extension.held, [], takes=True).taken
        session.commit()
        hold_partitions(session, extension.held.id, tenures)
        # The last statement is an executemany, after which PostgreSQL measures no idle time by itself.
        insert_new(session, extension.held.id, requests_of(extension.held, (1, 2)), lambda _: True)
        # And then the process is stopped.

        def take_patiently(session: Session, run: ClaimedRun) -> Any:
            session.execute(text(LOCK_TIMEOUT[session.get_bind().dialect.name]))
            return take(session, run, [one.part for one in tenures])  # waits for the end of that transaction

        other.tenures = list(other.does(take_patiently).held)
        session.invalidate()
    extension.engine_stopped()
    assert parts_of(other.tenures) == parts_of(tenures)


# --- The end -------------------------------------------------------------------------------------------------------


def test_one_of_the_workers_that_look_for_the_end_at_once_ends_the_run(
    sessions: sessionmaker[Session],
) -> None:
    workers = [Worker(sessions) for _ in range(4)]
    start_is_read(sessions)
    answers = at_once(*(lambda worker=worker: worker.does(look_for_end) for worker in workers))  # type: ignore[misc]
    assert answers.count(RunPart.END) == 1 and answers.count(RunPart.WAIT) == 3
    ender = workers[answers.index(RunPart.END)]
    again = [worker.does(look_for_end) for worker in workers if worker is not ender]
    assert again == [RunPart.WAIT] * 3  # that worker ends it now

    def end(session: Session, run: ClaimedRun) -> None:
        end_run(session, run, RunEnd(reason="finished", finished=True, verdict=0), database_now(session))

    ender.does(end)
    assert {worker.does(look_for_end) for worker in workers} == {RunPart.OVER}


def test_the_run_does_not_end_before_all_is_done(sessions: sessionmaker[Session]) -> None:
    one, other = Worker(sessions), Worker(sessions)
    other.does(look_for_end)
    assert one.does(look_for_end) is RunPart.WAIT  # start() is not read
    start_is_read(sessions)
    other.does(note_busy)
    assert one.does(look_for_end) is RunPart.WAIT
    queue(sessions, one.run, 3, state="leased")
    assert other.does(look_for_end) is RunPart.STUCK
    other.does(note_busy)
    assert one.does(look_for_end) is RunPart.WAIT
    other.does(look_for_end)
    with sessions.begin() as session:
        session.execute(update(CrawlRequest).values(state="failed"))
    assert one.does(look_for_end) is RunPart.END


def test_another_worker_ends_the_run_of_one_that_died_at_the_end(sessions: sessionmaker[Session]) -> None:
    dead, other = Worker(sessions), Worker(sessions)
    start_is_read(sessions)
    other.does(look_for_end)
    assert dead.does(look_for_end) is RunPart.END
    dead.is_silent()
    assert other.does(look_for_end) is RunPart.END
    writer = Transactions(sessions, dead.run, patience=20)
    writer.number = dead.transactions.number
    with pytest.raises(RunLost, match="another worker ends run"):  # it was only stopped
        writer.run(lambda session: hold_end(session, dead.run))


def test_a_worker_that_leaves_queues_its_requests_again(sessions: sessionmaker[Session]) -> None:
    worker = Worker(sessions)
    worker.balances()
    other = Worker(sessions)
    queue(sessions, worker.run, 3, 5, state="leased")
    verdict = worker.does(leave, Ending(reason="shutdown", covered=False))
    assert (verdict.code, verdict.is_of_others) == (0, True) and "left to another worker" in verdict.reasons[
        0
    ]
    assert states(sessions) == {"queued": 2}
    assert parts_of(other.balances().taken) == [*range(PARTS)]
    with pytest.raises(RunLost):
        worker.balances()
    assert other.does(leave_run) == 0


def test_a_worker_that_fails_while_others_go_on_raises_no_alarm(sessions: sessionmaker[Session]) -> None:
    worker, _ = Worker(sessions), Worker(sessions)
    verdict = worker.does(leave, Ending(reason="memusage_exceeded", covered=False))
    assert (verdict.code, verdict.is_of_others) == (4, True)


def test_the_last_worker_that_leaves_writes_its_verdict_into_the_run(sessions: sessionmaker[Session]) -> None:
    worker = Worker(sessions)
    verdict = worker.does(leave, Ending(reason="shutdown", covered=False))
    assert verdict.code != 0 and not verdict.is_of_others
    with sessions() as session:
        run = session.execute(select(CrawlRun.verdict, CrawlRun.finish_reason, CrawlRun.finished_at)).one()
        assert tuple(run) == (verdict.code, "shutdown", None)
        assert session.scalars(select(CrawlWorker.note)).one()
        assert (
            session.execute(text("SELECT count(*) FROM crawl_partition WHERE owner IS NULL")).scalar()
            == PARTS
        )
