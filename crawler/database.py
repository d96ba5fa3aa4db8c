"""The database that DATABASE_URL names: the one function that opens it, for the crawl and for every command."""

from __future__ import annotations

from pathlib import Path

from scrapy.settings import BaseSettings
from sqlalchemy import Engine

from models.existing.reflection import read_existing_tables
from models.revisions import Revisions
from models.schema import check_schema as check_revision
from models.session import check_connection, end_idle_transactions, make_engine


def project_revisions(settings: BaseSettings) -> Revisions | None:
    """Return the project's own revisions; None in the checkout, whose revisions are Splashdown's."""
    folder = settings["PROJECT_MIGRATIONS"]
    return Revisions.of_project(Path(folder)) if folder else None


def open_database(
    settings: BaseSettings, *, check_schema: bool = True, pool_size: int = 5, idle_limit: int | None = None
) -> Engine:
    """Return an engine for DATABASE_URL, after one connection and a check of the schema's revision.

    The schema of an SQLite file is brought up to date. The caller disposes of the engine.

    Args:
        pool_size: how many connections the engine may have at once.
        idle_limit: seconds after which the server rolls back a transaction of the engine that does nothing.
        check_schema: off for ``scrapy migrate``, which changes the schema.

    Raises:
        DatabaseUnusable: the URL is wrong, the server does not answer or refuses the user, or the schema is behind;
            the message says what to do, in one line.
    """
    engine = make_engine(settings["DATABASE_URL"], pool_size=pool_size)
    if idle_limit is not None:
        end_idle_transactions(engine, idle_limit)
    try:
        check_connection(engine)
        if check_schema:
            check_revision(engine, project_revisions(settings))
        read_existing_tables(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine
