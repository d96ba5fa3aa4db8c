"""PostgreSQL keeps the locks of a process that is stopped inside a COPY or a pipeline; other workers end it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from models.session import end_idle_transactions, make_engine
from models.silent_transactions import end_silent_transactions
from tests.services import service

LIMIT = 1  # seconds
WAITS = text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid AND wait_event = 'ClientRead'")

IS_THERE = text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid")


@contextmanager
def silent(how: str, *, is_worker: bool) -> Iterator[int]:
    """Yield the server's process of a connection that is silent inside a COPY or after an executemany."""
    engine = make_engine(service("TEST_POSTGRESQL_URL", "PostgreSQL"))
    if is_worker:
        end_idle_transactions(engine, LIMIT)
    raw: Any = engine.raw_connection()
    driver: psycopg.Connection = raw.driver_connection
    driver.execute("CREATE TEMPORARY TABLE silent (number integer)")
    driver.commit()
    with suppress(psycopg.OperationalError):  # it was ended
        cursor = driver.cursor()
        if how == "copy":
            with cursor.copy("COPY silent FROM STDIN") as copy:
                copy.write_row((1,))
                yield driver.info.backend_pid
        else:
            cursor.executemany("INSERT INTO silent VALUES (%s)", [(1,), (2,)])
            yield driver.info.backend_pid
    raw.invalidate()
    engine.dispose()


@pytest.fixture
def other() -> Iterator[Engine]:
    engine = make_engine(service("TEST_POSTGRESQL_URL", "PostgreSQL"))
    yield engine
    engine.dispose()


def wait_until_silent(engine: Engine, pid: int) -> None:
    deadline = time.monotonic() + 20
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.execute(WAITS, {"pid": pid}).first() is None:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)  # between two looks


def wait_until_ended(engine: Engine, pid: int, each_time: Callable[[], object] = lambda: None) -> None:
    """Wait until the server's process of a connection has ended, and call a function after each look that finds it."""
    deadline = time.monotonic() + 20
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.execute(IS_THERE, {"pid": pid}).first() is not None:
            each_time()
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)  # between two looks


def test_the_server_ends_a_transaction_that_is_silent_after_a_copy(other: Engine) -> None:
    engine = make_engine(service("TEST_POSTGRESQL_URL", "PostgreSQL"))
    end_idle_transactions(engine, LIMIT)
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE silent (number integer)"))
        connection.exec_driver_sql("COPY silent (number) FROM STDIN", [(1,), (2,)])
        wait_until_ended(other, connection.connection.driver_connection.info.backend_pid)  # type: ignore[union-attr]
        with pytest.raises(DBAPIError, match="idle-in-transaction timeout"):
            connection.execute(text("SELECT 1"))
        connection.invalidate()
    engine.dispose()


@pytest.mark.parametrize("how", ["copy", "executemany"])
def test_the_silent_transaction_of_a_worker_is_ended(other: Engine, how: str) -> None:
    """After an executemany the server may have ended it before we do: its clock stops in most cases only."""
    with silent(how, is_worker=True) as pid:
        wait_until_silent(other, pid)
        assert end_silent_transactions(other, LIMIT + 1) == 0  # it has another limit
        wait_until_ended(other, pid, lambda: end_silent_transactions(other, LIMIT))


def test_the_silent_transaction_of_another_program_goes_on(other: Engine) -> None:
    with silent("copy", is_worker=False) as pid:
        wait_until_silent(other, pid)
        assert end_silent_transactions(other, 0) == 0
