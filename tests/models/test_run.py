"""A run has one owner: claiming, the first statement of a transaction, heartbeats and the end of a run."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session, sessionmaker

from models import CrawlRun
from models.process_id import Process
from models.run import (
    GIVEN_UP,
    HEARTBEAT_TIMEOUT,
    ClaimedRun,
    RunEnd,
    RunIsAlive,
    RunLost,
    claim_run,
    database_now,
    end_run,
    scope_of,
)
from models.run_transaction import begin_transaction
from models.session import make_sessions

HERE = socket.gethostname()
STARTED = psutil.Process().create_time()
# No process has this id: the largest on Linux is 2**22.
DEAD = Process(host=HERE, pid=999_999_999, started=1.0, token="dead")


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return make_sessions(engine)


def claim(sessions: sessionmaker[Session], *, fresh: bool = False, **arguments: Any) -> ClaimedRun:
    return claim_run(sessions, "books", arguments, fresh=fresh)


def stored(sessions: sessionmaker[Session], run: ClaimedRun) -> CrawlRun:
    with sessions() as session:
        return session.get_one(CrawlRun, run.id)


def change(sessions: sessionmaker[Session], run: ClaimedRun, **values: Any) -> None:
    with sessions.begin() as session:
        session.execute(update(CrawlRun).where(CrawlRun.id == run.id).values(**values))


def give_to(
    sessions: sessionmaker[Session], run: ClaimedRun, owner: Process, silent: timedelta = timedelta()
) -> None:
    """Make another process the owner of the run; its last heartbeat was ``silent`` ago."""
    with sessions() as session:
        heartbeat = database_now(session) - silent
    change(sessions, run, owner=str(owner), heartbeat_at=heartbeat)


def end(sessions: sessionmaker[Session], run: ClaimedRun, **result: Any) -> None:
    values: dict[str, Any] = {"reason": "shutdown", "finished": False, **result}
    with sessions.begin() as session:
        end_run(session, run, RunEnd(**values), database_now(session))


# --- Claiming -----------------------------------------------------------------------------------------------


def test_a_scope_without_a_run_gets_a_new_one(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions, category="crime")
    assert (run.commits, run.resumed, run.start_read, run.given_up) == (0, False, False, None)
    row = stored(sessions, run)
    assert row.owner == run.owner == str(Process.current())
    assert row.scope == row.unfinished == run.scope == scope_of("books", {"category": "crime"})
    assert row.heartbeat_at == row.held_since == row.started_at


def test_a_run_stores_no_secret_argument(sessions: sessionmaker[Session]) -> None:
    assert stored(sessions, claim(sessions, password="geheim", page="2")).arguments == {
        "password": "***",
        "page": "2",
    }


@pytest.mark.parametrize("fresh", [False, True])
def test_a_living_owner_keeps_its_run(sessions: sessionmaker[Session], fresh: bool) -> None:
    run = claim(sessions)
    with pytest.raises(RunIsAlive) as error:
        claim(sessions, fresh=fresh)
    message = str(error.value)
    assert message.startswith(f"run {run.id} of books is in use by process {os.getpid()} on {HERE} since 20")
    assert "(last heartbeat 20" in message
    assert stored(sessions, run).commits == 0


def test_another_scope_has_another_run(sessions: sessionmaker[Session]) -> None:
    runs = [claim(sessions), claim(sessions, category="crime"), claim_run(sessions, "quotes", {})]
    assert len({run.id for run in runs}) == len({run.scope for run in runs}) == 3


def test_a_process_claims_the_run_of_a_dead_owner(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    give_to(sessions, run, DEAD)
    change(sessions, run, commits=7, start_read=True, verdict=4, reasons=["interrupted"])
    resumed = claim(sessions)
    assert (resumed.id, resumed.resumed, resumed.start_read, resumed.commits) == (run.id, True, True, 8)
    row = stored(sessions, run)
    assert (row.owner, row.commits, row.verdict, row.reasons) == (resumed.owner, 8, None, None)


def test_a_process_id_that_the_system_used_again_is_not_the_owner(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    give_to(sessions, run, Process(host=HERE, pid=os.getpid(), started=STARTED - 3600, token="earlier"))
    assert claim(sessions).id == run.id


def test_a_silent_owner_on_this_host_is_alive_while_its_process_exists(
    sessions: sessionmaker[Session],
) -> None:
    run = claim(sessions)
    owner = Process(host=HERE, pid=os.getpid(), started=STARTED, token="suspended")
    give_to(sessions, run, owner, silent=10 * HEARTBEAT_TIMEOUT)
    with pytest.raises(RunIsAlive):
        claim(sessions)


def test_an_owner_on_another_host_is_alive_until_its_heartbeat_is_too_old(
    sessions: sessionmaker[Session],
) -> None:
    run = claim(sessions)
    elsewhere = Process(host="elsewhere", pid=1, started=1.0, token="abc")
    give_to(sessions, run, elsewhere, silent=HEARTBEAT_TIMEOUT - timedelta(seconds=10))
    with pytest.raises(RunIsAlive, match="in use by process 1 on elsewhere"):
        claim(sessions)
    give_to(sessions, run, elsewhere, silent=HEARTBEAT_TIMEOUT)
    assert claim(sessions).id == run.id


def test_an_interrupted_run_is_resumed_and_a_finished_one_is_not(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    end(sessions, run)
    resumed = claim(sessions)
    assert (resumed.id, resumed.resumed) == (run.id, True)
    end(sessions, resumed, reason="finished", finished=True)
    new = claim(sessions)
    assert (new.id != run.id, new.resumed, new.commits) == (True, False, 0)


def test_fresh_gives_up_the_run_of_a_dead_owner(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    give_to(sessions, run, DEAD)
    new = claim(sessions, fresh=True)
    assert (new.given_up, new.resumed, new.id != run.id) == (run.id, False, True)
    row = stored(sessions, run)
    assert (row.finish_reason, row.unfinished, row.owner, row.commits) == ("given up", None, None, 1)


@pytest.mark.parametrize("unfinished", [False, True], ids=["new run", "dead owner"])
def test_of_two_processes_one_owns_the_run(sessions: sessionmaker[Session], unfinished: bool) -> None:
    if unfinished:
        give_to(sessions, claim(sessions), DEAD)
    results: list[ClaimedRun | RunIsAlive] = []
    together = threading.Barrier(2)

    def claim_at_once() -> None:
        together.wait()
        try:
            results.append(claim(sessions))
        except RunIsAlive as error:
            results.append(error)

    threads = [threading.Thread(target=claim_at_once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (run,) = [result for result in results if isinstance(result, ClaimedRun)]
    (error,) = [result for result in results if isinstance(result, RunIsAlive)]
    assert f"run {run.id} of books is in use by" in str(error)
    assert stored(sessions, run).commits == (1 if unfinished else 0)


# --- The first statement of a transaction -------------------------------------------------------------------


def test_a_transaction_counts_itself_and_writes_a_heartbeat(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    long_ago = stored(sessions, run).started_at - timedelta(days=1)
    change(sessions, run, heartbeat_at=long_ago)
    with sessions.begin() as session:
        assert begin_transaction(session, run, 0) is True
    row = stored(sessions, run)
    assert row.commits == 1
    assert row.heartbeat_at is not None and row.heartbeat_at > long_ago + timedelta(hours=23)


def test_a_transaction_that_is_rolled_back_is_not_counted(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    with sessions() as session, session.begin():
        begin_transaction(session, run, 0)
        session.rollback()
    assert stored(sessions, run).commits == 0


def test_a_committed_transaction_is_not_begun_again(sessions: sessionmaker[Session]) -> None:
    """The answer to its COMMIT was lost, and the writer tries again with the same number."""
    run = claim(sessions)
    with sessions.begin() as session:
        begin_transaction(session, run, 0)
    with sessions.begin() as session:
        assert begin_transaction(session, run, 0) is False
    assert stored(sessions, run).commits == 1


@pytest.mark.parametrize("finished", [True, False])
def test_the_transaction_that_ended_a_run_is_not_begun_again(
    sessions: sessionmaker[Session], finished: bool
) -> None:
    """The answer to the last COMMIT was lost; that transaction has left the run without an owner."""
    run = claim(sessions)
    with sessions.begin() as session:
        begin_transaction(session, run, 0)
        ending = RunEnd(reason="finished", finished=finished, verdict=0, reasons=(), counts=None, seconds=1.0)
        end_run(session, run, ending, database_now(session))
    with sessions.begin() as session:
        assert begin_transaction(session, run, 0) is False


def test_a_run_that_another_process_gave_up_is_lost(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    with sessions.begin() as session:
        row = session.get_one(CrawlRun, run.id)
        row.owner, row.finish_reason, row.commits = None, GIVEN_UP, 1
    with sessions.begin() as session, pytest.raises(RunLost, match="gave it up"):
        begin_transaction(session, run, 0)


def test_a_second_attempt_waits_for_the_first_one(sessions: sessionmaker[Session]) -> None:
    """The server still executes the first attempt, whose connection is lost."""
    run = claim(sessions)
    outcome: list[bool] = []

    def try_again() -> None:
        with sessions.begin() as session:
            outcome.append(begin_transaction(session, run, 0))

    second = threading.Thread(target=try_again)
    with sessions.begin() as session:
        begin_transaction(session, run, 0)
        second.start()
        second.join(0.5)
        assert second.is_alive() and outcome == []
    second.join(60)
    assert outcome == [False]


LOST: Mapping[str, tuple[dict[str, Any], str]] = {
    "another owner": (
        {"owner": "elsewhere 1 1.0 abc", "commits": 1},
        "was taken over by process 1 on elsewhere",
    ),
    "another owner with the same number": ({"owner": "elsewhere 1 1.0 abc"}, "was taken over by process 1"),
    "transactions of another process": ({"commits": 2}, "was taken over by"),
    "no owner": ({"owner": None, "commits": 1}, "has no owner any more"),
}


@pytest.mark.parametrize("case", LOST)
def test_a_process_that_lost_its_run_writes_nothing(sessions: sessionmaker[Session], case: str) -> None:
    values, message = LOST[case]
    run = claim(sessions)
    change(sessions, run, **values)
    with pytest.raises(RunLost, match=message), sessions.begin() as session:
        begin_transaction(session, run, 0)
    assert stored(sessions, run).commits == values.get("commits", 0)


def test_the_transaction_of_a_deleted_run_raises(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    with sessions.begin() as session:
        session.execute(delete(CrawlRun))
    with pytest.raises(RunLost, match=f"run {run.id} of books was deleted"), sessions.begin() as session:
        begin_transaction(session, run, 0)


# --- The end ------------------------------------------------------------------------------------------------


def test_the_end_of_a_run_leaves_its_result_and_no_owner(sessions: sessionmaker[Session]) -> None:
    run = claim(sessions)
    end(
        sessions,
        run,
        reason="finished",
        finished=True,
        verdict=2,
        reasons=("2 of 3 pages failed",),
        note="the first run",
        counts={"pages": {"done": 1}},
        versions={"scrapy": "2"},
        host=HERE,
        seconds=1.5,
        peak_memory=100,
    )
    row = stored(sessions, run)
    assert (row.owner, row.unfinished, row.finish_reason, row.verdict) == (None, None, "finished", 2)
    assert row.finished_at is not None and row.finished_at >= row.started_at
    assert (row.reasons, row.note, row.counts) == (
        ["2 of 3 pages failed"],
        "the first run",
        {"pages": {"done": 1}},
    )
    assert (row.versions, row.host, row.seconds, row.peak_memory) == ({"scrapy": "2"}, HERE, 1.5, 100)


def test_an_interrupted_run_adds_up_its_seconds_and_keeps_the_largest_memory(
    sessions: sessionmaker[Session],
) -> None:
    run = claim(sessions)
    for seconds, peak_memory in ((1.5, 200), (2.0, 100)):
        end(sessions, run, seconds=seconds, peak_memory=peak_memory)
    row = stored(sessions, run)
    assert (row.seconds, row.peak_memory, row.finished_at) == (3.5, 200, None)
    assert row.unfinished == run.scope


# --- Processes ----------------------------------------------------------------------------------------------


def test_the_name_of_a_process_can_be_read_again() -> None:
    process = Process(host="a host with spaces", pid=7, started=1.25, token="abc")
    assert Process.parse(str(process)) == process
    assert Process.parse("no process") is None
    assert process.shown == "process 7 on a host with spaces"
