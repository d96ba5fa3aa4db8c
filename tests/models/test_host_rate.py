"""The pages by host of a run that crawls, on each database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from models.host_rate import FRESH, HostPages, HostRate, forget_rates, replace_rates
from models.run import ClaimedRun, claim_run
from models.session import make_engine, make_sessions
from models.shared_run import join_run

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
# A statement that waits for another transaction fails after so long.
LOCK_LIMITS = {
    "mysql": "SET SESSION innodb_lock_wait_timeout = 2",
    "postgresql": "SET LOCAL lock_timeout = '2s'",
}


def stored(engine: Engine) -> list[tuple[int, int, str, int]]:
    columns = HostRate.run_id, HostRate.worker, HostRate.host, HostRate.pages
    with Session(engine) as session:
        return [tuple(row) for row in session.execute(select(*columns).order_by(*columns))]


def pages(**by_host: int) -> HostPages:
    return HostPages(seconds=5.0, pages=by_host)


def test_a_process_replaces_its_own_rows(engine: Engine) -> None:
    sessions = make_sessions(engine)
    books, films = (claim_run(sessions, spider, {}) for spider in ("books", "films"))
    with sessions.begin() as session:
        replace_rates(session, books, pages(a=3, b=2), NOW)
        replace_rates(session, films, pages(a=9), NOW)
    with sessions.begin() as session:
        replace_rates(session, books, HostPages(seconds=5.0, pages={"b": 5, "c\0": 1}), NOW)
    assert stored(engine) == [
        (books.id, 0, "b", 5),
        (books.id, 0, "c\\x00", 1),
        (films.id, 0, "a", 9),
    ]
    with sessions.begin() as session:
        replace_rates(session, books, pages(), NOW)
    assert stored(engine) == [(films.id, 0, "a", 9)]


def workers_of(engine: Engine, number: int) -> list[ClaimedRun]:
    return [join_run(make_sessions(engine), "books", {}, partitions=4) for _ in range(number)]


def test_workers_do_not_wait_for_each_other(server_url: str) -> None:
    engine = make_engine(server_url)
    one, other = workers_of(engine, 2)
    for times in range(2):  # the second time there are rows to be deleted
        with Session(engine) as first, Session(engine) as second:
            for session in (first, second):
                session.execute(text(LOCK_LIMITS[engine.dialect.name]))
            # Each of the two has written and not committed when the other one writes.
            replace_rates(first, one, pages(a=1, b=times), NOW)
            replace_rates(second, other, pages(a=2, c=times), NOW)
            replace_rates(first, one, pages(a=1, d=1), NOW)
            second.commit()
            first.commit()
    assert [(worker, host) for _, worker, host, _ in stored(engine)] == [
        (one.worker, "a"),
        (one.worker, "d"),
        (other.worker, "a"),
        (other.worker, "c"),
    ]
    engine.dispose()


def test_a_worker_that_ends_deletes_its_rows_and_those_of_killed_ones(server_url: str) -> None:
    engine = make_engine(server_url)
    ended, living, killed = workers_of(engine, 3)
    with make_sessions(engine).begin() as session:
        replace_rates(session, ended, pages(a=1), NOW)
        replace_rates(session, living, pages(a=1), NOW)
        replace_rates(session, killed, pages(a=1, b=1), NOW - FRESH - timedelta(seconds=1))
    with make_sessions(engine).begin() as session:
        forget_rates(session, ended, NOW)
    assert [worker for _, worker, _, _ in stored(engine)] == [living.worker]
    engine.dispose()
