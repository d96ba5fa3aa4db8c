"""Checking that the database has the schema of the models, and migrating it (Alembic).

The functions import Alembic, because a crawl whose database has the latest schema does not need it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, String, column, inspect, select, table

from models.base import Row
from models.migration_files import newest_revision
from models.run_stats import row_models
from models.session import DatabaseUnusable, for_writing, shown

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

VERSION_TABLE = "alembic_version"  # Alembic's default, in the schema of the connection
MIGRATIONS = Path(__file__).parent.parent / "migrations"


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Migrate the schema to the latest revision; return the revisions before and after.

    On SQLite and PostgreSQL this is one transaction. MySQL commits each DDL statement, so a migration that fails there
    has to be fixed by hand.

    Raises:
        DatabaseUnusable: the migrations do not form one line, or the database has a revision that is not among them.
    """
    from alembic import command  # noqa: PLC0415

    head = _head()
    with for_writing(engine).begin() as connection:
        before = _revision(connection)
        _check_known(before, engine)
        if before == head:
            return before, head
        config = _config()
        config.attributes["connection"] = connection
        columns = _columns_of_rows(connection)
        command.upgrade(config, head)
        _forget_hashes(connection, columns)
    return before, head


Columns = Mapping[str, Mapping[str, str]]


def _columns_of_rows(connection: Connection) -> Columns:
    """Return the types of the columns of each table of rows, as the database names them."""
    inspector = inspect(connection)
    tables = [model.table() for model in row_models()]
    return {
        table.fullname: {
            column["name"]: str(column["type"])
            for column in inspector.get_columns(table.name, schema=table.schema)
        }
        for table in tables
        if inspector.has_table(table.name, schema=table.schema)
    }


def _forget_hashes(connection: Connection, before: Columns) -> None:
    """Delete the hashes of a table whose columns a migration has changed, so the next crawl compares every row.

    A column of another type has other values, and the stored hash is that of the old values.
    """
    after = _columns_of_rows(connection)
    for model in row_models():
        table = model.table()
        if before.get(table.fullname, after.get(table.fullname)) != after.get(table.fullname):
            connection.execute(table.update().values(content_hash=None))


def check_schema(engine: Engine) -> None:
    """Check the schema. An SQLite file is migrated; a server is only checked.

    Raises:
        DatabaseUnusable: the schema of a server is not the latest one.
    """
    with engine.connect() as connection:
        if _has_newest_revision(connection):
            return
        found = _revision(connection)
    if found == _head():
        return
    _check_known(found, engine)
    if engine.dialect.name == "sqlite":
        upgrade(engine)
        return
    state = (
        "has no tables of Splashdown yet"
        if found is None
        else f"is not the latest one (it has revision {found}, and {_head()} is needed)"
    )
    raise DatabaseUnusable(f"the schema of {shown(engine.url)} {state}: run `scrapy migrate`")


def _has_newest_revision(connection: Connection) -> bool:
    """Return whether the database has the newest revision; False also if only Alembic can tell."""
    newest = newest_revision(MIGRATIONS / "versions")
    if newest is None or not inspect(connection).has_table(VERSION_TABLE):
        return False
    query = select(column("version_num", String())).select_from(table(VERSION_TABLE))
    return list(connection.scalars(query)) == [newest]


def _check_known(revision: str | None, engine: Engine) -> None:
    """Raise DatabaseUnusable if the database has a revision that is not among the migrations."""
    if revision is not None and revision not in {script.revision for script in _script().walk_revisions()}:
        raise DatabaseUnusable(
            f"the schema of {shown(engine.url)} is from a newer Splashdown, or its migration is "
            "missing here (revision "
            f"{revision} is not in {MIGRATIONS / 'versions'}): update Splashdown, or restore the file"
        )


def check_tables(engine: Engine, models: Iterable[type[Row]]) -> None:
    """Check that the database has the tables of these models with all their columns.

    Raises:
        DatabaseUnusable: a table or a column is missing; the message names it and the command to type.
    """
    missing = []
    with engine.connect() as connection:
        inspector = inspect(connection)
        for model in models:
            table = model.table()
            if not inspector.has_table(table.name, schema=table.schema):
                missing.append(f"the table {table.name} of the model {model.__name__}")
                continue
            found = {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
            missing += [
                f"the column {table.name}.{column.name} of the model {model.__name__}"
                for column in table.columns
                if column.name not in found
            ]
    if missing:
        raise DatabaseUnusable(
            f"the database at {shown(engine.url)} lacks {', '.join(missing)}: "
            "run `scrapy migrate --new`, which writes the migration and applies it"
        )


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _script() -> ScriptDirectory:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    return ScriptDirectory.from_config(_config())


def _head() -> str:
    """Return the latest revision.

    Raises:
        DatabaseUnusable: the migrations do not form one line.
    """
    from alembic.util import CommandError  # noqa: PLC0415

    folder = MIGRATIONS / "versions"
    script = _script()
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):  # two files have the same number
            heads = script.get_heads()
    except (CommandError, UserWarning, SyntaxError, KeyError) as error:
        raise DatabaseUnusable(f"the migrations in {folder} cannot be read: {error}") from None
    if len(heads) != 1:
        files = [Path(script.get_revision(head).path).name for head in heads]
        raise DatabaseUnusable(
            f"the migrations in {folder} have {len(heads)} ends, {' and '.join(sorted(files))}: "
            "set `down_revision` of one of them to the `revision` of the other"
        )
    return heads[0]


def _revision(connection: Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    return MigrationContext.configure(connection).get_current_revision()
