"""A connection that is lost before its isolation level is set is an error that the callers know."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from models.session import make_engine, with_snapshots


def test_a_connection_that_is_lost_before_its_level_is_set_is_an_error_of_the_database(
    server_url: str,
) -> None:
    engine, other = make_engine(server_url), make_engine(server_url)

    def end_on_the_server(driver: Any, *_: Any) -> None:
        """End the connection after the pool has tried whether it is alive."""
        if engine.dialect.name == "postgresql":
            end = f"SELECT pg_terminate_backend({driver.info.backend_pid})"
        else:
            end = f"KILL {driver.thread_id()}"
        with other.begin() as connection:
            connection.execute(text(end))

    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    event.listen(engine, "checkout", end_on_the_server)
    with pytest.raises(DBAPIError) as lost, with_snapshots(engine).connect() as connection:
        connection.execute(text("SELECT 1"))
    assert lost.value.connection_invalidated
    event.remove(engine, "checkout", end_on_the_server)
    with with_snapshots(engine).connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    other.dispose()
