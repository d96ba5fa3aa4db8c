"""Engines and sessions: one engine a process and database, one session a transaction."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from models.copy_text import copy_rows
from models.many_rows import insert_many, insert_values, read_in_one_go, spell_lists

logger = logging.getLogger(__name__)

DRIVERS = {
    "sqlite": "sqlite:///data/splashdown.db",
    "mysql": "mysql+pymysql://USER:PASSWORD@HOST/DATABASE",
    "mariadb": "mysql+pymysql://USER:PASSWORD@HOST/DATABASE",
    "postgresql": "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
    "postgres": "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
}


class DatabaseUnusable(Exception):
    """The database cannot be worked with until someone changes something; the message says what, in one line."""


def database_url(text: str) -> URL:
    """The URL that ``DATABASE_URL`` holds, with the drivers that Splashdown is written for.

    Raises:
        DatabaseUnusable: it is not a database URL, or of a database or driver that is not supported.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        # The text may hold a password, so it is not repeated.
        raise DatabaseUnusable(
            "DATABASE_URL is not a database URL; write it like " + " or ".join(sorted(set(DRIVERS.values())))
        ) from None
    example = DRIVERS.get(url.get_backend_name())
    if example is None:
        known = " or ".join(sorted(set(DRIVERS.values())))
        raise DatabaseUnusable(
            f"DATABASE_URL begins with {url.drivername!r}, which is not supported; use {known}"
        )
    if url.drivername not in ("sqlite", "mysql+pymysql", "postgresql+psycopg"):
        raise DatabaseUnusable(
            f"DATABASE_URL begins with {url.drivername!r}; write it with our driver: {example}"
        )
    if url.drivername != "sqlite" and not url.database:
        raise DatabaseUnusable(f"DATABASE_URL names no database; write it like {example}")
    return url


def make_engine(text: str, *, pool_size: int = 5) -> Engine:
    """An engine for ``DATABASE_URL``; nothing is connected yet. A file's folder is made if it is missing.

    Raises:
        DatabaseUnusable: as ``database_url``.
    """
    url = database_url(text)
    options: dict[str, Any] = {}
    if url.drivername == "sqlite":
        if url.database and url.database != ":memory:":
            try:
                Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseUnusable(
                    f"the folder of DATABASE_URL's file cannot be made: {error.strerror}: {error.filename}"
                ) from error
    else:
        # Servers and firewalls drop idle connections; MySQL's own limit is eight hours.
        options = {"pool_pre_ping": True, "pool_recycle": 1800, "pool_size": pool_size, "max_overflow": 0}
        options["paramstyle"] = "format"  # rows go to the driver as tuples, as they do to SQLite's
    if url.drivername == "mysql+pymysql":
        url = url.update_query_dict({"charset": "utf8mb4"})
        options["connect_args"] = {"connect_timeout": 10, "read_timeout": 300, "write_timeout": 300}
        options["isolation_level"] = "READ COMMITTED"
    if url.drivername == "postgresql+psycopg":
        options["connect_args"] = {"connect_timeout": 10}
    try:
        engine = create_engine(url, **options)
    except (NoSuchModuleError, ImportError) as error:  # an installation without the driver
        raise DatabaseUnusable(
            f"the driver for {url.drivername} is not installed: run scripts/setup"
        ) from error
    event.listen(engine, "connect", PREPARE[engine.dialect.name])
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "do_executemany", insert_values)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "do_executemany", copy_rows)
        event.listen(engine, "do_execute", _plan_anew)
    else:
        event.listen(engine, "do_executemany", insert_many)
    return engine


def for_writing(engine: Engine) -> Engine:
    """The same engine and pool, for transactions that will write.

    SQLite lets a transaction that has read not wait for another writer, it fails at once; so ours take their turn
    when they begin.
    """
    return engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions for one transaction each, in one thread, that may write."""
    return sessionmaker(for_writing(engine), expire_on_commit=False)


def shown(url: URL | str) -> str:
    """The URL for a log line: without its password."""
    return make_url(url).render_as_string(hide_password=True)


def check_connection(engine: Engine) -> None:
    """Connect once.

    Raises:
        DatabaseUnusable: the server does not answer, refuses us, or has no such database.
    """
    try:
        with engine.connect():
            pass
    except OperationalError as error:
        raise DatabaseUnusable(
            f"cannot open the database at {shown(engine.url)}: {_reason(error)}. Check DATABASE_URL and that the "
            "server is running"
        ) from error
    except SQLAlchemyError as error:
        raise DatabaseUnusable(
            f"cannot open the database at {shown(engine.url)}: {_reason(error)}"
        ) from error


def _reason(error: SQLAlchemyError) -> str:
    cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return " ".join(str(cause.args[-1] if cause.args else cause).split()).rstrip(".")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transactions begin late and not before DDL; ours begin where SQLAlchemy says (see "begin").
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_mysql(connection: Any, _record: Any) -> None:
    spell_lists(connection)
    read_in_one_go(connection)
    with connection.cursor() as cursor:
        # Without a strict mode MySQL cuts what is too long and stores 0 for what is wrong, in silence.
        cursor.execute(
            "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE')"
        )
        cursor.execute("SET SESSION time_zone = '+00:00'")


def _plan_anew(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """SQLAlchemy's ``do_execute`` for what has the execution option ``plan_anew``.

    psycopg prepares what comes often, and PostgreSQL then plans it once, without the values: it takes the list of an
    ``= ANY`` for a short one, and goes through it for every row.
    """
    if not context.execution_options.get("plan_anew"):
        return False
    cursor.execute(statement, parameters, prepare=False)
    return True


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


PREPARE = {
    "sqlite": _prepare_sqlite,
    "mysql": _prepare_mysql,
    "mariadb": _prepare_mysql,
    "postgresql": _prepare_postgresql,
}
