"""Is the database's schema the one that the models need, and the way to make it so (Alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from models.session import DatabaseUnusable, for_writing, shown

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema up to date; gives the revisions before and after.

    On SQLite and PostgreSQL this is one transaction. MySQL commits every DDL statement by itself, so there a
    migration that fails half way is mended by hand.
    """
    with for_writing(engine).begin() as connection:
        before = _revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, _head()


def check_schema(engine: Engine) -> None:
    """Make sure that rows can be written: an SQLite file is brought up to date, a server is only looked at.

    Raises:
        DatabaseUnusable: a server's schema is not the models'.
    """
    with engine.connect() as connection:
        found = _revision(connection)
    if found == _head():
        return
    if found is not None and found not in {revision.revision for revision in _script().walk_revisions()}:
        raise DatabaseUnusable(
            f"the schema of {shown(engine.url)} is of a newer Splashdown (revision {found}): update this one"
        )
    if engine.dialect.name == "sqlite":
        upgrade(engine)
        return
    state = (
        "has no tables of ours yet" if found is None else f"is behind (revision {found}, needed {_head()})"
    )
    raise DatabaseUnusable(f"the schema of {shown(engine.url)} {state}: run `scrapy migrate`")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _head() -> str:
    head = _script().get_current_head()
    assert head is not None
    return head


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
