"""A server has statistics of old runs, and none of a new run: its rows must not be read again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.orm import Session

from models import RowChange
from models.change import CHANGED, CREATED, GONE
from models.request import DONE, NewRequest, Settled, insert_new, lease, release, settle
from models.run import claim_run
from models.run_stats import count_run
from models.session import make_engine, make_sessions
from models.shared_keys import shared_keys

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROWS_READ = {  # by indexes, since the transaction or the connection began
    "postgresql": "SELECT sum(idx_tup_fetch) FROM pg_stat_xact_user_tables",
    "mysql": "SELECT sum(variable_value) FROM information_schema.session_status "
    "WHERE variable_name IN ('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', 'HANDLER_READ_PREV')",
}


@pytest.fixture
def engine(server_url: str) -> Iterator[Engine]:
    engine = make_engine(server_url)
    yield engine
    engine.dispose()


@pytest.fixture
def old_and_new(engine: Engine) -> tuple[int, int]:
    """Return the ids of a run that the server may know and of one that begins."""
    old, new = (claim_run(make_sessions(engine), spider, {}).id for spider in ("books", "films"))
    return old, new


def analyze(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ("crawl_request", "row_change"):
            connection.execute(text(f"ANALYZE {'' if engine.name == 'postgresql' else 'TABLE '}{table}"))


def rows_read(engine: Engine, do: Callable[[Session], object]) -> int:
    """Return how many rows a transaction reads."""
    with Session(engine) as session:
        read = text(ROWS_READ[engine.name])
        before = session.scalar(read) or 0
        do(session)
        number = int(session.scalar(read)) - int(before)
        session.commit()
    return number


def requests(*numbers: int) -> list[NewRequest]:
    return [
        NewRequest(
            number=number,
            identity=number.to_bytes(20, "big"),
            url=f"http://shop/{number}",
            request="{}",
            priority=0,
            position=number,
        )
        for number in numbers
    ]


def test_a_transaction_reads_only_its_requests(engine: Engine, old_and_new: tuple[int, int]) -> None:
    old, new = old_and_new
    with Session(engine) as session:
        insert_new(session, old, requests(*range(3000)), lambda _: False)
        session.commit()
    analyze(engine)
    with Session(engine) as session:
        insert_new(session, new, requests(*range(3000)), lambda _: False)
        session.commit()
    few = (5, 700, 2999)
    statements: dict[str, Callable[[Session], object]] = {
        "discover": lambda session: insert_new(session, new, requests(*few), lambda _: False),
        "lease": lambda session: lease(session, new, 3, NOW),
        "release": lambda session: release(session, new, few),
        "settle": lambda session: settle(
            session, new, [Settled(number=number, state=DONE) for number in few], NOW
        ),
    }
    read = {name: rows_read(engine, do) for name, do in statements.items()}
    assert {name: number for name, number in read.items() if number > 100} == {}


def test_the_end_of_a_run_reads_its_changes_a_few_times(engine: Engine, old_and_new: tuple[int, int]) -> None:
    """A row has a change, and is gone then: to find both must not compare each change with each other one."""
    old, new = old_and_new
    store_changes(engine, old, CREATED, 2000)
    analyze(engine)
    store_changes(engine, new, CHANGED, 2000)
    store_changes(engine, new, GONE, 2000)
    assert rows_read(engine, lambda session: count_run(session, new)) < 40_000
    assert rows_read(engine, lambda session: shared_keys(session, new)) < 40_000


def store_changes(engine: Engine, run_id: int, kind: str, number: int) -> None:
    with engine.begin() as connection:
        changes = [
            {
                "run_id": run_id,
                "at": NOW,
                "table_name": "book",
                "key_hash": row.to_bytes(16, "big"),
                "row_key": f'["{row}"]',
                "kind": kind,
                "fields": None,
            }
            for row in range(number)
        ]
        connection.execute(insert(RowChange), changes)
