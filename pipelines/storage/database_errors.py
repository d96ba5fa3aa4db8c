"""The cause of a database error: a row, the connection or server, the database itself, or unknown.

After a lost connection, a deadlock or a full disk the same transaction may succeed later. After a missing table it may
not: waiting does not help, and no row is the cause.
"""

from __future__ import annotations

import sqlite3
from enum import Enum

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from models.error_text import error_line


class MissingParent(Exception):
    """A field names a parent row by another column than its key, and there is no such row."""


class Fault(Enum):
    """The cause of a database error."""

    ROW = "the statement or one of its values"
    TRANSIENT = "the connection or the server: the same transaction may succeed later"
    UNSURE = "the connection, or a statement that ends its connection"
    DATABASE = "the database: an administrator has to change something"


# https://mariadb.com/kb/en/mariadb-error-code-reference/,
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html and MySQL's client errors (2002 and on).
# Every other error is a row's fault: 1153 (a packet above max_allowed_packet), 1366, 1406, 1452, ...
MYSQL = {
    1020: Fault.TRANSIENT,  # the record has changed since it was read (innodb_snapshot_isolation)
    1021: Fault.TRANSIENT,  # disk full: no row is at fault, and an administrator may make room
    1040: Fault.TRANSIENT,  # too many connections
    1047: Fault.TRANSIENT,  # Galera: the node is not part of its cluster now
    1053: Fault.TRANSIENT,  # server shutdown
    1077: Fault.TRANSIENT,  # normal shutdown
    1114: Fault.TRANSIENT,  # the table is full
    1129: Fault.TRANSIENT,  # the host is blocked after many broken connections
    1152: Fault.TRANSIENT,  # aborted connection
    1158: Fault.TRANSIENT,  # error reading communication packets
    1159: Fault.TRANSIENT,
    1160: Fault.TRANSIENT,
    1161: Fault.TRANSIENT,
    1203: Fault.TRANSIENT,  # the user has more than max_user_connections connections
    1205: Fault.TRANSIENT,  # lock wait timeout
    1206: Fault.TRANSIENT,  # the lock table is full
    1213: Fault.TRANSIENT,  # deadlock
    1226: Fault.TRANSIENT,  # the user has used up a resource: max_user_connections, max_questions
    1290: Fault.TRANSIENT,  # the server is read only, after a failover
    1305: Fault.TRANSIENT,  # no such savepoint: a deadlock has rolled the whole transaction back
    1317: Fault.UNSURE,  # the query was interrupted
    1792: Fault.TRANSIENT,  # the transaction is read only
    1836: Fault.TRANSIENT,  # the server is read only
    1927: Fault.TRANSIENT,  # connection was killed
    1969: Fault.UNSURE,  # max_statement_time exceeded
    2002: Fault.TRANSIENT,
    2003: Fault.TRANSIENT,
    2006: Fault.UNSURE,  # the server has gone away
    2013: Fault.UNSURE,  # lost connection during a query
    2055: Fault.UNSURE,
    3024: Fault.UNSURE,  # max_execution_time exceeded
    3169: Fault.TRANSIENT,  # the session was killed
    4031: Fault.TRANSIENT,  # disconnected for inactivity
    1044: Fault.DATABASE,  # access denied
    1045: Fault.DATABASE,
    1049: Fault.DATABASE,  # unknown database
    1054: Fault.DATABASE,  # unknown column
    1142: Fault.DATABASE,  # command denied
    1143: Fault.DATABASE,
    1146: Fault.DATABASE,  # no such table
    1194: Fault.DATABASE,  # the table is crashed
    1698: Fault.DATABASE,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest match counts. Classes: 08 connection,
# 40 rollback, 53 resources, 57 operator intervention (a shutdown is one), 55P03 lock not available, 25006 read only
# (a failover), 58 system error, 3D no such database, 28 authorization, 42P01 and 42703 no such table and column.
POSTGRESQL = {
    "08": Fault.TRANSIENT,
    "40": Fault.TRANSIENT,
    "53": Fault.TRANSIENT,
    "53200": Fault.UNSURE,  # out of memory: one huge row may be the cause
    "57": Fault.TRANSIENT,
    "57014": Fault.UNSURE,  # statement_timeout, or an administrator cancelled it
    "58": Fault.TRANSIENT,
    "55P03": Fault.TRANSIENT,
    "25006": Fault.TRANSIENT,
    "28": Fault.DATABASE,
    "3D": Fault.DATABASE,
    "42501": Fault.DATABASE,
    "42P01": Fault.DATABASE,
    "42703": Fault.DATABASE,
}
# https://www.sqlite.org/rescode.html; every other error is a row's fault: 18 (too big), 19 (a constraint), 20, 25.
SQLITE = {
    sqlite3.SQLITE_BUSY: Fault.TRANSIENT,
    sqlite3.SQLITE_LOCKED: Fault.TRANSIENT,
    sqlite3.SQLITE_READONLY: Fault.TRANSIENT,  # its disk was mounted again, or its mode changed
    sqlite3.SQLITE_IOERR: Fault.TRANSIENT,
    sqlite3.SQLITE_FULL: Fault.TRANSIENT,
    sqlite3.SQLITE_CANTOPEN: Fault.TRANSIENT,
    sqlite3.SQLITE_PROTOCOL: Fault.TRANSIENT,
    sqlite3.SQLITE_NOMEM: Fault.UNSURE,
    sqlite3.SQLITE_CORRUPT: Fault.DATABASE,
    sqlite3.SQLITE_NOTADB: Fault.DATABASE,
    sqlite3.SQLITE_PERM: Fault.DATABASE,
    sqlite3.SQLITE_SCHEMA: Fault.TRANSIENT,
}
MISSING_IN_SQLITE = (
    "no such table",
    "no such column",
    "has no column named",
)  # all of them a plain SQLITE_ERROR

MISSING_PARENT = {1216, 1452, "23503"}


def fault_of(error: DBAPIError) -> Fault:
    """Return the cause of the error, by the code of the database."""
    cause = error.orig
    if cause is None:
        return Fault.UNSURE if error.connection_invalidated else Fault.ROW
    module = type(cause).__module__
    if module.startswith("psycopg"):
        return _of_postgresql(error, getattr(cause, "sqlstate", None))
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None:  # the driver's own error, for instance for a value that it cannot bind
            return Fault.UNSURE if error.connection_invalidated else Fault.ROW
        if code == sqlite3.SQLITE_ERROR and any(words in str(cause) for words in MISSING_IN_SQLITE):
            return Fault.DATABASE
        return SQLITE.get(code & 0xFF, Fault.ROW)
    number = cause.args[0] if cause.args else None
    if isinstance(number, int) and number in MYSQL:
        return MYSQL[number]
    if isinstance(error, InterfaceError):  # pymysql raises it when the client has closed the connection
        return Fault.TRANSIENT
    return Fault.UNSURE if error.connection_invalidated else Fault.ROW


def _of_postgresql(error: DBAPIError, state: str | None) -> Fault:
    if state is None:  # no code: the connection itself failed
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return Fault.UNSURE if lost else Fault.ROW
    for length in (5, 2):
        if state[:length] in POSTGRESQL:
            return POSTGRESQL[state[:length]]
    return Fault.UNSURE if error.connection_invalidated else Fault.ROW


def is_transient(error: DBAPIError) -> bool:
    """Return whether the same transaction may succeed later."""
    return fault_of(error) in (Fault.TRANSIENT, Fault.UNSURE)


def is_missing_parent(error: BaseException) -> bool:
    """Return whether the database refused a row because a parent row is missing."""
    if isinstance(error, MissingParent):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
    number = cause.args[0] if cause is not None and cause.args else None
    code = number if isinstance(number, int) else getattr(cause, "sqlstate", None)
    return code in MISSING_PARENT


def error_text(error: BaseException) -> str:
    """Return the message of the database or the driver, on one line and without the statement."""
    return error_line(error, with_type=True)
