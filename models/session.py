"""Engines and sessions: one engine for each process and database, one session for each transaction."""

from __future__ import annotations

import logging
import re
import socket
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from models import shared_tls
from models.error_text import error_line
from models.fast_executemany import (
    encode_lists,
    enlarge_read_buffer,
    insert_many,
    insert_values,
    refuse_long_statements,
)
from models.isolation_level import wrap_errors_of_level
from models.postgresql_copy import copy_rows
from models.redaction import redacted, without_secrets
from models.silent_transactions import application_name

logger = logging.getLogger(__name__)

DRIVERS = {
    "sqlite": "sqlite:///data/splashdown.db",
    "mysql": "mysql+pymysql://USER:PASSWORD@HOST/DATABASE",
    "mariadb": "mysql+pymysql://USER:PASSWORD@HOST/DATABASE",
    "postgresql": "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
    "postgres": "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
}


# A connection whose other side does not answer any more is lost after this time: 30 + 3 * 10 seconds without a
# statement, 60 seconds with one. Without these limits the operating system tells a process after 15 minutes, or never,
# that the cable or the server's machine is gone. A long statement of a server that lives is not limited.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 30, 10, 3
UNANSWERED = 60
POSTGRESQL_LIMITS = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": KEEPALIVE_IDLE,
    "keepalives_interval": KEEPALIVE_INTERVAL,
    "keepalives_count": KEEPALIVE_COUNT,
    "tcp_user_timeout": 1000 * UNANSWERED,
}


class DatabaseUnusable(Exception):
    """The database cannot be used; the message says in one line what to change."""


def database_url(text: str) -> URL:
    """Return the URL of the text of ``DATABASE_URL``.

    Raises:
        DatabaseUnusable: the text is not a database URL, or its database or driver is not supported.
    """
    if _has_unencoded_password(text):
        raise DatabaseUnusable(
            "DATABASE_URL has an @ in its user name or password, where the host would begin: write "
            "@ as %40, / as %2F, "
            "# as %23, ? as %3F and % as %25"
        )
    try:
        url = make_url(text)
    except ArgumentError:
        # The text may have a password, so the message does not repeat it.
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
            f"DATABASE_URL begins with {url.drivername!r}; write it with the driver that Splashdown "
            f"uses: {example}"
        )
    if url.drivername != "sqlite" and not url.database:
        raise DatabaseUnusable(f"DATABASE_URL names no database; write it like {example}")
    return url


def _has_unencoded_password(text: str) -> bool:
    """Return whether the user name or password of a server's URL has an "@" that is not encoded."""
    userinfo, at, _ = text.partition("://")[2].rpartition("@")
    if not at or text.startswith("sqlite"):
        return False
    if re.fullmatch(r"[^@/?#]*@[^@/?#]*/[^@?#]*\?.*", userinfo):
        return False  # the last "@" is in the query, behind a host and a database
    return "@" in userinfo


def make_engine(text: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for ``DATABASE_URL`` that has no connection yet. Create the folder of an SQLite file.

    Raises:
        DatabaseUnusable: as ``database_url``, or the folder cannot be created, or the driver is not installed.
    """
    url = database_url(text)
    options: dict[str, Any] = {}
    if url.drivername == "sqlite":
        if url.database and url.database != ":memory:":
            try:
                Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseUnusable(
                    f"the folder of the file in DATABASE_URL cannot be created: {error.strerror}: "
                    f"{error.filename}"
                ) from error
    else:
        # Servers and firewalls drop idle connections; MySQL's own limit is eight hours.
        options = {"pool_pre_ping": True, "pool_recycle": 1800, "pool_size": pool_size, "max_overflow": 0}
        options["paramstyle"] = "format"  # all drivers get rows as tuples
    if url.drivername == "mysql+pymysql":
        url = url.update_query_dict({"charset": "utf8mb4"})
        options["connect_args"] = {"connect_timeout": 10, "read_timeout": 300, "write_timeout": 300}
        options["isolation_level"] = "READ COMMITTED"
    if url.drivername == "postgresql+psycopg":
        options["connect_args"] = {
            name: value for name, value in POSTGRESQL_LIMITS.items() if name not in url.query
        }
    try:
        # Otherwise the error of a statement has its values, for instance requests with their cookies.
        engine = create_engine(url, hide_parameters=True, **options)
    except (NoSuchModuleError, ImportError) as error:  # an installation without the driver
        raise DatabaseUnusable(
            f"the driver for {url.drivername} is not installed: run scripts/setup"
        ) from error
    event.listen(engine, "connect", PREPARE[engine.dialect.name])
    wrap_errors_of_level(engine)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "do_executemany", insert_values)
    elif engine.dialect.name == "postgresql":
        # It warns of the consequences of an error in a batch; the error itself is raised.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
        event.listen(engine, "do_executemany", copy_rows)
        event.listen(engine, "do_execute", _execute_unprepared)
    else:
        event.listen(engine, "do_connect", shared_tls.connect)
        event.listen(engine, "do_executemany", insert_many)
    return engine


def limit_silence(connection: socket.socket) -> None:
    """Let the operating system end a TCP connection whose other side does not answer; do nothing to another one."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    limits = {
        "TCP_KEEPIDLE": KEEPALIVE_IDLE,
        "TCP_KEEPINTVL": KEEPALIVE_INTERVAL,
        "TCP_KEEPCNT": KEEPALIVE_COUNT,
        "TCP_USER_TIMEOUT": 1000 * UNANSWERED,
    }
    for name, value in limits.items():
        if (option := getattr(socket, name, None)) is not None:  # Linux has all of them
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def end_idle_transactions(engine: Engine, seconds: int) -> None:
    """Let the server roll back a transaction of this engine that does nothing for so many seconds.

    A process that is stopped, or a machine that is away, keeps its locks otherwise. Call this function before the first
    connection.
    """
    statement = {
        "postgresql": (
            f"SET idle_in_transaction_session_timeout = '{seconds}s'; "
            f"SET application_name = '{application_name(seconds)}'"
        ),
        "mysql": f"SET SESSION wait_timeout = {seconds}",  # ends connections outside of transactions, too
        "mariadb": f"SET SESSION wait_timeout = {seconds}",
    }.get(engine.dialect.name)

    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.commit()

    if statement is not None:
        event.listen(engine, "connect", prepare)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "after_cursor_execute", _watch_idle_time)


def _watch_idle_time(
    _connection: Connection, cursor: Any, statement: str, _rows: Any, _context: Any, executemany: bool
) -> None:
    """Let PostgreSQL measure the idle time after an ``executemany``, as it does after other statements.

    psycopg sends it as a pipeline whose last message is a Flush. That message stops the clock of
    idle_in_transaction_session_timeout, and only the end of the next statement starts it again. A COPY that has ended
    is no pipeline.
    """
    if executemany and not statement.startswith("COPY "):
        cursor.connection.execute("")


def for_writing(engine: Engine) -> Engine:
    """Return the same engine and pool for transactions that write.

    On SQLite a transaction that has read fails at once if another one writes, and does not wait. So a transaction that
    will write takes the lock when it begins.
    """
    return engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")


def with_snapshots(engine: Engine) -> Engine:
    """Return the engine for transactions that read one state of the database, whatever commits meanwhile."""
    if engine.dialect.name == "sqlite":
        return engine  # all of its transactions do
    return engine.execution_options(isolation_level="REPEATABLE READ")


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return a maker of sessions that may write, each for one transaction in one thread."""
    return sessionmaker(for_writing(engine), expire_on_commit=False)


def shown(url: URL | str) -> str:
    """Return the URL for a log line, without its password."""
    return without_secrets(url if isinstance(url, str) else url.render_as_string(hide_password=False))


def check_connection(engine: Engine) -> None:
    """Connect once.

    Raises:
        DatabaseUnusable: the server does not answer, refuses the user, or does not have the database; or the SQLite
            file cannot be used.
    """
    is_file = engine.dialect.name == "sqlite"
    condition = "its folder can be written and the disk has room" if is_file else "the server is running"
    try:
        with engine.connect():
            pass
    except OperationalError as error:
        raise DatabaseUnusable(
            f"cannot open the database at {shown(engine.url)}: {_reason(error)}. "
            f"Check DATABASE_URL and that {condition}"
        ) from error
    except SQLAlchemyError as error:
        raise DatabaseUnusable(
            f"cannot open the database at {shown(engine.url)}: {_reason(error)}"
        ) from error


def _reason(error: SQLAlchemyError) -> str:
    return redacted(error_line(error).rstrip("."))


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver begins transactions late, and none for DDL. With None, ``_begin_sqlite`` begins them.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_mysql(connection: Any, _record: Any) -> None:
    limit_silence(connection._sock)
    encode_lists(connection)
    enlarge_read_buffer(connection)
    with connection.cursor() as cursor:
        # Without a strict mode MySQL cuts long values and stores 0 for wrong ones, without an error. It
        # replaces a key that is 0 by the next number.
        modes = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_AUTO_VALUE_ON_ZERO"
        cursor.execute(f"SET SESSION sql_mode = CONCAT(@@sql_mode, ',{modes}')")
        cursor.execute("SET SESSION time_zone = '+00:00'")
        cursor.execute("SELECT @@max_allowed_packet")
        (longest,) = cursor.fetchone()
    # One byte of the packet is the command, and the server uses some.
    refuse_long_statements(connection, int(longest) - 64)


def _execute_unprepared(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """Execute the statement without preparing it: SQLAlchemy's ``do_execute`` for the execution option ``replan``.

    psycopg prepares a statement that it executes often, and PostgreSQL then plans it once, without the values. The plan
    expects a short list for an ``= ANY``, and goes through the list for every row.
    """
    if not context.execution_options.get("replan"):
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
