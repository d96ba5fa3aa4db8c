"""The writer commits each page completely and once; a fault of one page affects no other."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Mapped, mapped_column

from crawler.page.commit import Commit, Committed
from crawler.page.row import ValidRow
from crawler.run.errors import DatabaseLost
from models import Base, Quote, RejectedItem, Row, RowChange
from models.run import RunIsAlive, RunLost, claim_run
from models.session import make_engine, make_sessions
from models.types import ExactString, UtcDateTime
from pipelines.storage.run_context import RunContext
from pipelines.storage.writer import Writer, batch_wait
from tests.pipelines.demo_rows import quote
from tests.pipelines.runs import Run, page

BODILESS = ValidRow(model=Quote, values={"quote_id": 1000, "body": None, "author": "nobody"})


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


def test_a_row_that_the_database_refuses_is_rejected_and_its_neighbours_are_stored(
    engine: Engine,
) -> None:
    run = Run(engine)
    pages: list[Commit] = [page((Quote, quote(2 * n)), (Quote, quote(2 * n + 1))) for n in range(50)]
    pages[20] = page((Quote, quote(40)), BODILESS, (Quote, quote(41)))
    run.commit(*pages)
    assert len(run.all(Quote)) == 100
    (rejected,) = run.all(RejectedItem)
    assert rejected.table_name == "quote" and rejected.item["author"] == "nobody"
    assert "database refused" in rejected.reasons[""]


@pytest.mark.parametrize(("workers", "seconds"), [(1, 0.1), (4, 0.4), (10, 1.0), (1000, 1.0)])
def test_many_workers_together_make_no_more_transactions_than_one(workers: int, seconds: float) -> None:
    assert batch_wait(0.1, workers) == seconds


def test_a_commit_whose_answer_is_lost_takes_place_once(engine: Engine) -> None:
    """The connection breaks after the COMMIT took place, and the writer continues."""
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


CONNECTIONS = {  # the connections that wait for a lock, and how to end one
    "mysql": (
        "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
        "KILL {}",
    ),
    "postgresql": (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        "SELECT pg_terminate_backend({})",
    ),
}


def test_a_transaction_whose_connection_breaks_is_repeated(server: Engine) -> None:
    run = Run(server)
    waiting, kill = CONNECTIONS[server.dialect.name]
    killed = []

    def kill_the_writer() -> None:
        """Lock the run's row, and end the connection that waits for it."""
        with server.connect() as holder, server.connect() as watcher:
            holder.execute(text("SELECT commits FROM crawl_run FOR UPDATE"))
            held.set()
            deadline = time.monotonic() + 20
            while not killed and time.monotonic() < deadline:
                killed.extend(watcher.execute(text(waiting)).scalars().all()[:1])
                watcher.commit()
                ready.wait(0.15)  # MariaDB repeats its answer for 0.1 s
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


def test_pages_wait_for_others_while_the_writer_does_a_task(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.storage.writer.LONGEST_BATCH", 60.0)
    run, outcome = Run(engine), list[Committed]()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        failed, done = loop.create_future(), loop.create_future()
        writer = Writer(
            run.sessions, RunContext(run=run.claimed), loop=loop, failed=failed.set_result, batch_age=60.0
        )
        writer.start()
        writer.put(page((Quote, quote(1))), outcome.append)
        writer.call(lambda _: None, done.set_result)
        await asyncio.wait_for(done, 20)
        writer.put(page((Quote, quote(2))), outcome.append)
        await writer.close()
        await asyncio.sleep(0)
        assert writer.commits_timed[0] == 1

    asyncio.run(work())
    assert [one.stored for one in outcome] == [1, 1]


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


def test_the_run_ends_when_the_database_does_not_answer_for_its_patience(
    server: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(server)
    is_mysql = server.dialect.name == "mysql"

    def away(*_: object, **__: object) -> None:
        number = 2003 if is_mysql else "connection refused"
        raise server.dialect.dbapi.OperationalError(number, "Can't connect")  # type: ignore[union-attr]

    server.dispose()
    with monkeypatch.context() as patch:
        patch.setattr("pymysql.connections.Connection.connect" if is_mysql else "psycopg.connect", away)
        outcome = run.commit(page((Quote, quote(1))), patience=0.3)
    assert isinstance(outcome, DatabaseLost)


def test_a_process_that_lost_its_run_stops_and_writes_nothing(engine: Engine) -> None:
    run = Run(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE crawl_run SET owner = 'elsewhere 1 1.0 abc', commits = commits + 1"))
    outcome = run.commit(page((Quote, quote(1))))
    assert isinstance(outcome, RunLost)
    assert run.all(Quote) == []


def test_a_run_has_one_owner(engine: Engine) -> None:
    run = Run(engine)
    with pytest.raises(RunIsAlive, match="is in use by process"):
        claim_run(make_sessions(engine), "test", {})
    assert claim_run(make_sessions(engine), "test", {"other": "arguments"}).id != run.claimed.id


def test_a_run_whose_process_died_is_taken_over_and_resumed(engine: Engine) -> None:
    run = Run(engine)
    with engine.begin() as connection:
        owner = run.claimed.owner.rsplit(" ", 3)
        dead = f"{owner[0]} 999999999 1.0 abc"
        connection.execute(text("UPDATE crawl_run SET owner = :dead"), {"dead": dead})
    again = claim_run(make_sessions(engine), "test", {})
    assert again.resumed and again.id == run.claimed.id


def test_a_fresh_run_gives_up_the_unfinished_one(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page((Quote, quote(1))), finish="shutdown", covered=False)
    fresh = claim_run(make_sessions(engine), "test", {}, fresh=True)
    assert fresh.given_up == run.claimed.id and not fresh.resumed and fresh.id != run.claimed.id


class Listing(Row):
    """A table that has a column with a default."""

    __tablename__ = "test_listing"

    name: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    currency: Mapped[str | None] = mapped_column(ExactString(3), default="EUR")


Base.metadata.remove(Listing.table())  # the fixture creates the table, no migration does


@pytest.fixture
def listings(engine: Engine) -> Iterator[None]:
    for constraint in list(Listing.table().c.run_id.foreign_keys):
        Listing.table().constraints.discard(constraint.constraint)  # type: ignore[arg-type]
    Listing.table().create(engine, checkfirst=True)
    yield
    Listing.table().drop(engine)


@pytest.mark.usefixtures("listings")
def test_a_row_that_the_driver_refuses_is_rejected_alone(engine: Engine) -> None:
    """A pipeline after the validator may set a datetime without a time zone."""
    run = Run(engine)
    zoned = datetime(2026, 1, 1, tzinfo=UTC)
    times = {"a": zoned, "b": zoned.replace(tzinfo=None), "c": zoned}
    run.commit(*(page(ValidRow(model=Listing, values={"name": n, "ends_at": at})) for n, at in times.items()))
    assert [listing.name for listing in run.all(Listing)] == ["a", "c"]
    (rejected,) = run.all(RejectedItem)
    assert "no time zone" in rejected.reasons[""]


@pytest.mark.usefixtures("listings")
def test_a_column_that_is_left_out_gets_its_default_in_a_new_row_and_keeps_its_value_later(
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
