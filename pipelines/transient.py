"""Which errors of a database say "the same again may work": a lost connection, a deadlock, a full disk."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

# https://mariadb.com/kb/en/mariadb-error-code-reference/ and MySQL's client errors (2002 and on).
MYSQL = {
    1021,  # disk full: no row is at fault, and somebody may make room
    1040,  # too many connections
    1053,  # server shutdown
    1077,  # normal shutdown
    1114,  # the table is full
    1152,  # aborted connection
    1158,  # error reading communication packets
    1159,
    1160,
    1161,
    1205,  # lock wait timeout
    1213,  # deadlock
    1290,  # the server is read only, after a failover
    1927,  # connection was killed
    2002,
    2003,
    2006,
    2013,
    2055,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: classes 08 connection, 40 rollback, 53 resources,
# 57 operator intervention (a shutdown is one), 55P03 lock not available, 25006 read only (a failover).
POSTGRESQL = ("08", "40", "53", "57", "55P03", "25006")


def is_transient(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    cause = error.orig
    if cause is None:
        return False
    module = type(cause).__module__
    if module.startswith("psycopg"):
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state.startswith(POSTGRESQL)
        return isinstance(error, OperationalError)  # no code: the connection itself failed
    if module.startswith("sqlite3"):
        return isinstance(error, OperationalError) and any(
            word in str(cause) for word in ("locked", "busy", "disk I/O error", "disk is full")
        )
    if isinstance(error, InterfaceError):  # pymysql's word for a connection that is closed on our side
        return True
    return bool(cause.args) and cause.args[0] in MYSQL
