"""A trial stands beside the interrupted run of its scope, and no later run is compared with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session, sessionmaker

from models import CrawlRun
from models.crawl_page import last_finished_run
from models.process_id import Process
from models.run import RunEnd, RunIsAlive, RunLost, claim_run, database_now, end_run
from models.run_stats import RunStats, has_earlier_run, stats_of_good_runs
from models.run_transaction import begin_transaction
from models.session import make_sessions
from models.trial_run import begin_trial

HERE = Process.current().host
DEAD = Process(host=HERE, pid=999_999_999, started=1.0, token="dead")  # no process has this id


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return make_sessions(engine)


def change(sessions: sessionmaker[Session], run_id: int, **values: object) -> None:
    with sessions.begin() as session:
        session.execute(update(CrawlRun).where(CrawlRun.id == run_id).values(**values))


def test_a_trial_leaves_the_interrupted_run_to_the_next_crawl(sessions: sessionmaker[Session]) -> None:
    interrupted = claim_run(sessions, "books", {})
    change(sessions, interrupted.id, owner=None)
    trial = begin_trial(sessions, "books", {}, 20)
    assert (trial.trial_pages, trial.resumed, trial.scope) == (20, False, interrupted.scope)
    with sessions.begin() as session:
        end_run(session, trial, RunEnd(reason="trial_over", finished=True), database_now(session))
    resumed = claim_run(sessions, "books", {})
    assert (resumed.id, resumed.resumed, resumed.trial_pages) == (interrupted.id, True, None)


def test_a_trial_and_a_crawl_of_one_scope_do_not_run_at_the_same_time(
    sessions: sessionmaker[Session],
) -> None:
    trial = begin_trial(sessions, "books", {}, 20)
    for claim in (lambda: claim_run(sessions, "books", {}), lambda: begin_trial(sessions, "books", {}, 5)):
        with pytest.raises(RunIsAlive, match=f"run {trial.id} of books, a trial, is in use by process"):
            claim()
    other = claim_run(sessions, "books", {"category": "crime"})
    with pytest.raises(RunIsAlive, match=f"run {other.id} of books is in use by process"):
        begin_trial(sessions, "books", {"category": "crime"}, 20)


@pytest.mark.parametrize("next_is_trial", [False, True])
def test_the_next_crawl_ends_a_dead_trial(sessions: sessionmaker[Session], next_is_trial: bool) -> None:
    trial = begin_trial(sessions, "books", {}, 20)
    change(sessions, trial.id, owner=str(DEAD), commits=3)
    following = begin_trial(sessions, "books", {}, 5) if next_is_trial else claim_run(sessions, "books", {})
    assert following.id != trial.id and not following.resumed
    with sessions.begin() as session:
        row = session.get_one(CrawlRun, trial.id)
        assert (row.unfinished, row.owner, row.finish_reason, row.commits) == (None, None, "given up", 4)
        assert row.note == "a trial of 20 pages, whose process died; the pages that it committed are stored"
        with pytest.raises(RunLost):  # its process was suspended, and not dead
            begin_transaction(session, trial, 3)


def test_later_runs_do_not_know_of_a_trial(sessions: sessionmaker[Session]) -> None:
    trial = begin_trial(sessions, "books", {}, 20)
    with sessions.begin() as session:
        end = RunEnd(reason="trial_over", finished=True, verdict=0, counts=RunStats().as_json())
        end_run(session, trial, end, database_now(session))
    run = claim_run(sessions, "books", {})
    with sessions() as session:
        assert stats_of_good_runs(session, run.scope, run.id) == []
        assert not has_earlier_run(session, run.scope, run.id)
        assert last_finished_run(session, run.scope, run.id) == 0


def test_an_accepted_run_is_the_earliest_that_runs_are_compared_with(
    sessions: sessionmaker[Session],
) -> None:
    for verdict, rows in ((0, 10), (0, 20), (2, 30), (2, 40), (0, 50)):
        run = claim_run(sessions, "books", {})
        with sessions.begin() as session:
            counts = RunStats(rows={"book": rows}).as_json()
            now = database_now(session)
            end_run(
                session, run, RunEnd(reason="finished", finished=True, verdict=verdict, counts=counts), now
            )
        if rows == 30:
            change(sessions, run.id, accepted_at=now + timedelta(seconds=1), accepted_by="me@here")
    with sessions() as session:
        good = stats_of_good_runs(session, run.scope, run.id + 1)
        assert [stats.rows["book"] for stats in good] == [50, 30]
