"""Check whether the tests can use a database: the exit code is 0, or the reason is one line.

database.py check URL     check that the database exists and accepts a new table
database.py create URL    create the database if it is missing, then check it
"""

from __future__ import annotations

import sys
import uuid

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

# The database to connect to, and the statement, that create a missing database.
CREATE = {
    "mysql": ("", "CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4"),
    "postgresql": ("postgres", "CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0"),
}


def connect(url: URL) -> Connection:
    engine = create_engine(
        url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5}
    )
    return engine.connect()


def check(url: URL) -> None:
    table = f"splashdown_check_{uuid.uuid4().hex[:12]}"
    with connect(url) as connection:
        connection.execute(text(f"CREATE TABLE {table} (id INTEGER)"))
        connection.execute(text(f"DROP TABLE {table}"))


def create(url: URL) -> None:
    try:
        check(url)
    except SQLAlchemyError:
        existing, statement = CREATE[url.get_backend_name()]
        with connect(url.set(database=existing)) as connection:
            connection.execute(text(statement.format(name=url.database)))
        check(url)


if __name__ == "__main__":
    try:
        {"check": check, "create": create}[sys.argv[1]](make_url(sys.argv[2]))
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error)
        sys.exit(" ".join(reason.split())[:300])
