"""Pages into the database: whole, once, and none for the faults of its neighbour."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Mapped, mapped_column

from crawler.page import Commit
from crawler.row import ValidRow
from models import Base, Quote, RejectedItem, Review, Row, RowChange
from models.run import RunIsAlive, RunLost, hold_run
from models.session import make_engine, make_sessions
from models.types import ExactString, UtcDateTime
from pipelines.writer import DatabaseLost
from tests.pipelines.runs import Run, page
from tests.pipelines.test_upsert import quote

ORPHAN = ValidRow(
    model=Review,
    values={"sku": "no such book", "reviewer": "x", "stars": 1, "body": "!", "posted": date(2024, 1, 1)},
)


@pytest.fixture
def server(server_url: str) -> Iterator[Engine]:
    engine = make_engine(server_url)
    yield engine
    engine.dispose()


def test_every_row_of_every_page_is_in_the_table(engine: Engine) -> None:
    run = Run(engine)
    outcome = run.commit(*(page(*((Quote, quote(25 * n + m)) for m in range(25))) for n in range(100)))
    assert sum(committed.stored for committed in outcome) == 2500
    assert [q.quote_id for q in run.all(Quote)] == list(range(2500))


def test_a_row_that_the_database_refuses_is_kept_with_its_reason_and_its_neighbours_are_stored(
    engine: Engine,
) -> None:
    run = Run(engine)
    pages: list[Commit] = [page((Quote, quote(2 * n)), (Quote, quote(2 * n + 1))) for n in range(50)]
    pages[20] = page((Quote, quote(40)), ORPHAN, (Quote, quote(41)))
    run.commit(*pages)
    assert len(run.all(Quote)) == 100
    (rejected,) = run.all(RejectedItem)
    assert rejected.table_name == "review" and rejected.item["sku"] == "no such book"
    assert "database refused" in rejected.reasons[""]


def test_a_commit_whose_answer_is_lost_is_not_made_twice(engine: Engine) -> None:
    """The connection breaks after the COMMIT took place: the writer finds out, and goes on."""
    run = Run(engine)
    broken = []

    def break_once(connection: object) -> None:
        broken.append(connection)

    dialect_commit = engine.dialect.do_commit

    def commit_and_break(connection: object) -> None:
        dialect_commit(connection)  # type: ignore[arg-type]
        if not broken:
            break_once(connection)
            raise engine.dialect.dbapi.OperationalError(2013, "Lost connection to server during query")  # type: ignore[union-attr]

    real = engine.dialect.is_disconnect
    engine.dialect.do_commit = commit_and_break  # type: ignore[method-assign]
    engine.dialect.is_disconnect = lambda error, *rest: "Lost" in str(error) or real(error, *rest)  # type: ignore[method-assign]
    try:
        outcome = run.commit(page((Quote, quote(1)), number=0))
    finally:
        engine.dialect.do_commit = dialect_commit  # type: ignore[method-assign]
        engine.dialect.is_disconnect = real  # type: ignore[method-assign]
    assert broken and outcome[0].stored == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM row_change")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM quote")).scalar() == 1


CONNECTIONS = {  # those that wait for a lock, and how to end one
    "mysql": (
        "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
        "KILL {}",
    ),
    "postgresql": (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        "SELECT pg_terminate_backend({})",
    ),
}


def test_a_connection_that_breaks_in_a_transaction_costs_nothing(server: Engine) -> None:
    run = Run(server)
    waiting, kill = CONNECTIONS[server.dialect.name]
    killed = []

    def kill_the_writer() -> None:
        """Hold the row that every transaction of the run begins with, and end the connection that waits for it."""
        with server.connect() as holder, server.connect() as watcher:
            holder.execute(text("SELECT commits FROM crawl_run FOR UPDATE"))
            held.set()
            deadline = time.monotonic() + 20
            while not killed and time.monotonic() < deadline:
                killed.extend(watcher.execute(text(waiting)).scalars().all()[:1])
                watcher.commit()
                ready.wait(0.15)  # MariaDB shows what it knew 0.1 s ago to who asks more often
            watcher.execute(text(kill.format(killed[0])))

    held, ready = threading.Event(), threading.Event()
    killer = threading.Thread(target=kill_the_writer)
    killer.start()
    held.wait(20)
    outcome = run.commit(page((Quote, quote(1)), number=0))
    killer.join()
    assert killed and outcome[0].stored == 1
    assert [change.kind for change in run.all(RowChange)] == ["created"]


def test_the_transactions_of_a_writer_share_a_connection_and_leave_it_to_the_pool(engine: Engine) -> None:
    run = Run(engine)
    taken = []
    event.listen(engine, "checkout", lambda *_: taken.append(True))
    outcome = run.commit(*(page((Quote, quote(n))) for n in range(5)), batch_weight=1)
    assert sum(committed.stored for committed in outcome) == 5
    assert len(taken) == 1
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_connection_that_broke_between_two_transactions_is_replaced(server: Engine) -> None:
    run = Run(server)
    begun: list[Connection] = []

    def break_the_second(connection: Connection) -> None:
        begun.append(connection)
        if len(begun) == 2:
            driver: Any = connection.connection.driver_connection
            number = driver._sock.fileno() if server.dialect.name == "mysql" else driver.fileno()
            with socket.socket(fileno=os.dup(number)) as end:
                end.shutdown(socket.SHUT_RDWR)

    event.listen(server, "begin", break_the_second)
    outcome = run.commit(*(page((Quote, quote(n))) for n in range(3)), batch_weight=1)
    assert sum(committed.stored for committed in outcome) == 3 and len(begun) >= 4
    assert [change.kind for change in run.all(RowChange)] == ["created"] * 3


def test_a_database_that_stays_away_ends_the_run_after_our_patience(server: Engine) -> None:
    run = Run(server)

    def away(*_: object) -> None:
        number = 2003 if server.dialect.name == "mysql" else "connection refused"
        raise server.dialect.dbapi.OperationalError(number, "Can't connect")  # type: ignore[union-attr]

    server.dispose()
    event.listen(server, "do_connect", away)
    outcome = run.commit(page((Quote, quote(1))), patience=0.3)
    event.remove(server, "do_connect", away)
    assert isinstance(outcome, DatabaseLost)


def test_a_run_that_another_process_took_is_not_written_to_any_more(engine: Engine) -> None:
    run = Run(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE crawl_run SET owner = 'elsewhere 1 1.0 abc', commits = commits + 1"))
    outcome = run.commit(page((Quote, quote(1))))
    assert isinstance(outcome, RunLost)
    assert run.all(Quote) == []


def test_a_run_is_held_by_one_process(engine: Engine) -> None:
    run = Run(engine)
    with pytest.raises(RunIsAlive, match="is being done by process"):
        hold_run(make_sessions(engine), "test", {})
    assert hold_run(make_sessions(engine), "test", {"other": "arguments"}).id != run.held.id


def test_a_run_whose_process_died_is_taken_over_and_resumed(engine: Engine) -> None:
    run = Run(engine)
    with engine.begin() as connection:
        owner = run.held.owner.rsplit(" ", 3)
        dead = f"{owner[0]} 999999999 1.0 abc"
        connection.execute(text("UPDATE crawl_run SET owner = :dead"), {"dead": dead})
    again = hold_run(make_sessions(engine), "test", {})
    assert again.resumed and again.id == run.held.id


def test_a_fresh_run_gives_up_the_unfinished_one(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page((Quote, quote(1))), finish="shutdown", covered=False)
    fresh = hold_run(make_sessions(engine), "test", {}, fresh=True)
    assert fresh.left == run.held.id and not fresh.resumed and fresh.id != run.held.id


class Listing(Row):
    """A table that has a column with a default."""

    __tablename__ = "test_listing"

    name: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    currency: Mapped[str | None] = mapped_column(ExactString(3), default="EUR")


Base.metadata.remove(Listing.table())  # no migration makes it: the fixture does


@pytest.fixture
def listings(engine: Engine) -> Iterator[None]:
    for constraint in list(Listing.table().c.run_id.foreign_keys):
        Listing.table().constraints.discard(constraint.constraint)  # type: ignore[arg-type]
    Listing.table().create(engine, checkfirst=True)
    yield
    Listing.table().drop(engine)


@pytest.mark.usefixtures("listings")
def test_a_row_that_cannot_be_bound_hurts_itself_alone(engine: Engine) -> None:
    """A pipeline after the validator may put in a moment that has no zone."""
    run = Run(engine)
    zoned = datetime(2026, 1, 1, tzinfo=UTC)
    moments = {"a": zoned, "b": zoned.replace(tzinfo=None), "c": zoned}
    run.commit(
        *(page(ValidRow(model=Listing, values={"name": n, "ends_at": at})) for n, at in moments.items())
    )
    assert [listing.name for listing in run.all(Listing)] == ["a", "c"]
    (rejected,) = run.all(RejectedItem)
    assert "no time zone" in rejected.reasons[""]


@pytest.mark.usefixtures("listings")
def test_a_column_that_is_not_said_gets_its_default_in_a_new_row_and_keeps_its_value_later(
    engine: Engine,
) -> None:
    run = Run(engine)
    zoned = datetime(2026, 1, 1, tzinfo=UTC)
    run.commit(
        page(ValidRow(model=Listing, values={"name": "a", "ends_at": zoned})),
        page(ValidRow(model=Listing, values={"name": "b", "ends_at": zoned, "currency": "GBP"})),
    )
    later = ValidRow(model=Listing, values={"name": "b", "ends_at": zoned + timedelta(days=1)})
    run.commit(page(later))
    assert {listing.name: listing.currency for listing in run.all(Listing)} == {"a": "EUR", "b": "GBP"}
