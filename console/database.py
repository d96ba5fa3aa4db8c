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
    statement = {
        "postgresql": f"SET statement_timeout = '{LONGEST_QUERY}s'",
        "mariadb": f"SET SESSION max_statement_time = {LONGEST_QUERY}",
        "mysql": f"SET SESSION max_statement_time = {LONGEST_QUERY}",
    }.get(engine.dialect.name)

    def prepare(connection: object, _record: object) -> None:
        with connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(statement)
        connection.commit()  # type: ignore[attr-defined]

    if statement is not None:
        event.listen(engine, "connect", prepare)


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
