"""Does a database server let us in? The answer is the exit code; a refusal is printed in one line.

database.py check URL     the database is there and takes a table
database.py create URL    the same; a database that is missing is created first
"""

from __future__ import annotations

import sys
import uuid

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

# Where to ask for a database that is not there yet, and how.
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
        elsewhere, statement = CREATE[url.get_backend_name()]
        with connect(url.set(database=elsewhere)) as connection:
            connection.execute(text(statement.format(name=url.database)))
        check(url)


if __name__ == "__main__":
    try:
        {"check": check, "create": create}[sys.argv[1]](make_url(sys.argv[2]))
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error)
        sys.exit(" ".join(reason.split())[:300])
