"""The last run of a scope is opened again, and its failed and refused pages are queued."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session, sessionmaker

from models import CrawlRequest, CrawlRun
from models.reopened_run import CannotReopen, NoFailedPage, reopen_run
from models.request import recover_frontier
from models.run import ClaimedRun, RunEnd, RunIsAlive, claim_run, database_now, end_run
from models.session import make_sessions
from models.trial_run import begin_trial


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return make_sessions(engine)


def finish(sessions: sessionmaker[Session], run: ClaimedRun, *states: str, finished: bool = True) -> None:
    """Store a request with each of these states, and end the run. The first request is a login."""
    with sessions.begin() as session:
        for number, state in enumerate(states):
            session.execute(
                insert(CrawlRequest).values(
                    run_id=run.id,
                    number=number,
                    identity=number.to_bytes(20),
                    url=f"http://shop/{number}",
                    request="{}" if number else None,
                    priority=0,
                    position=number,
                    depth=0,
                    state=state,
                    attempts=1,
                )
            )
        end_run(session, run, RunEnd(reason="finished", finished=finished, verdict=2), database_now(session))


def test_the_failed_and_refused_pages_of_the_last_run_are_queued_again(
    sessions: sessionmaker[Session],
) -> None:
    finish(sessions, claim_run(sessions, "books", {}), "done", "failed")
    last = claim_run(sessions, "books", {})
    finish(sessions, last, "done", "failed", "refused", "skipped", "done", "failed")
    trial = begin_trial(sessions, "books", {}, 5)
    finish(sessions, trial, "done", "failed")
    run = reopen_run(sessions, "books", {})
    assert (run.id, run.again, run.resumed, run.commits) == (last.id, 3, True, 1)
    with sessions.begin() as session:
        recover_frontier(session, run.id, start_read=True)
        states = session.scalars(
            select(CrawlRequest.state).where(CrawlRequest.run_id == run.id).order_by(CrawlRequest.number)
        )
        assert list(states) == ["done", "queued", "queued", "skipped", "done", "queued"]
        row = session.get_one(CrawlRun, run.id)
        assert (row.unfinished, row.owner, row.finished_at, row.verdict) == (run.scope, run.owner, None, None)
    with pytest.raises(RunIsAlive):
        reopen_run(sessions, "books", {})


def test_a_run_without_a_failed_page_stays_as_it_is(sessions: sessionmaker[Session]) -> None:
    run = claim_run(sessions, "books", {})
    finish(sessions, run, "skipped", "done", "skipped")
    with pytest.raises(
        NoFailedPage, match=f"run {run.id}, the last one of books, has no failed or refused page"
    ):
        reopen_run(sessions, "books", {})
    with sessions() as session:
        assert session.get_one(CrawlRun, run.id).commits == 0


def test_an_unfinished_run_is_resumed_by_a_crawl_without_the_option(sessions: sessionmaker[Session]) -> None:
    with pytest.raises(CannotReopen, match="books has no run with these arguments"):
        reopen_run(sessions, "books", {})
    run = claim_run(sessions, "books", {})
    finish(sessions, run, "done", "failed", finished=False)
    with pytest.raises(
        CannotReopen, match=f"`scrapy crawl books` resumes run {run.id}; --failed-only is for"
    ):
        reopen_run(sessions, "books", {})
