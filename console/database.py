"""The session of a request: it reads in one transaction; what changes something has a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from flask import Flask, current_app, g
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from models.run import database_now
from models.session import for_writing
from models.types import MYSQL

LONGEST_QUERY = 15  # seconds; then the database ends the query, and the page says so
KEY = "splashdown_engine"


def init(app: Flask, engine: Engine) -> None:
    """Let the requests of the application use this engine."""
    limit_queries(engine)
    read_any_text(engine)
    app.extensions[KEY] = engine
    app.teardown_appcontext(_close)


def limit_queries(engine: Engine) -> None:
    """Let the server end queries that take longer than LONGEST_QUERY. Call this before the first connection."""

    def prepare(connection: Any, _record: object) -> None:
        statement = query_limit(engine.dialect.name, connection, LONGEST_QUERY)
        if statement is not None:
            with connection.cursor() as cursor:
                cursor.execute(statement)
            connection.commit()

    event.listen(engine, "connect", prepare)


def query_limit(dialect: str, connection: Any, seconds: int) -> str | None:
    """Return the statement after which a query of the connection lasts so long at most; None for SQLite.

    Args:
        connection: of the driver, since MariaDB and MySQL have the same dialect.
    """
    if dialect == "postgresql":
        return f"SET statement_timeout = '{seconds}s'"
    if dialect not in MYSQL:
        return None
    if "mariadb" in connection.get_server_info().lower():
        return f"SET SESSION max_statement_time = {seconds}"
    return f"SET SESSION max_execution_time = {seconds * 1000}"


def read_any_text(engine: Engine) -> None:
    """Let SQLite return a text that is no UTF-8, with � in place of its wrong bytes. Other programs may store such."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "checkout", _read_any_text)


def _read_any_text(connection: Any, _record: object, _proxy: object) -> None:
    connection.text_factory = _text


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def engine() -> Engine:
    """Return the engine of the application."""
    return cast(Engine, current_app.extensions[KEY])


def reading() -> Session:
    """Return the session in which this request reads; it is closed with the request."""
    if "reading" not in g:
        g.reading = Session(engine())
    return cast(Session, g.reading)


@contextmanager
def writing() -> Iterator[Session]:
    """Yield a session, and commit what it did at the end of the block."""
    with sessionmaker(for_writing(engine()), expire_on_commit=False).begin() as session:
        yield session


def now() -> datetime:
    """Return the time by the database's clock, once for each request."""
    if "now" not in g:
        g.now = database_now(reading())
    return cast(datetime, g.now)


def end_reading() -> None:
    """End the transaction in which this request reads, so that it keeps no snapshot and no connection."""
    session = g.pop("reading", None)
    g.pop("now", None)
    if session is not None:
        session.close()


def _close(_error: BaseException | None) -> None:
    end_reading()
