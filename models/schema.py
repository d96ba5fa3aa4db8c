"""Checking that the database has the schema of the models, and migrating it (Alembic).

The functions import Alembic, because a crawl whose database has the latest schema does not need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import Connection, Engine, Inspector, MetaData, Table, inspect
from sqlalchemy.schema import DropTable

from models.base import Row
from models.command_name import command
from models.existing.definition import ExistingRow
from models.revisions import Revisions
from models.run_stats import own_models
from models.session import DatabaseUnusable, for_writing, shown

# What to do about a table that no migration can change as the model needs it.
OTHER_TABLE = "rename the table in the model (`__tablename__` in Python, `table:` in YAML)"

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def base_revisions() -> Revisions:
    """Return the revisions of Splashdown itself."""
    return Revisions(folder=MIGRATIONS / "versions", environment=MIGRATIONS)


# The first revision creates them, for the checkout. A migration that changes one must check whether it is there.
DEMO_TABLES = ("review", "book", "quote", "shop_order")


def upgrade(
    engine: Engine, revisions: Revisions | None = None, *, has_demo: bool = True
) -> tuple[str | None, str | None]:
    """Migrate the schema to the latest of Splashdown's revisions, or of these; return those before and after.

    Without the demo, a database that was empty gets none of the demo's tables.

    On SQLite and PostgreSQL this is one transaction. MySQL commits each DDL statement, so a migration that fails there
    has to be fixed by hand.

    Raises:
        DatabaseUnusable: the migrations do not form one line, or the database has a revision that is not among them.
    """
    from alembic import command  # noqa: PLC0415

    revisions = revisions or base_revisions()
    head = revisions.head()
    with for_writing(engine).begin() as connection:
        before = revisions.current(connection)
        _check_known(before, revisions, engine)
        if before == head or head is None:
            return before, head
        columns = _columns_of_rows(connection)
        command.upgrade(revisions.config(connection), head)
        _forget_hashes(connection, columns)
        if before is None and not has_demo:
            for name in DEMO_TABLES:
                connection.execute(DropTable(Table(name, MetaData())))
    return before, head


def upgrade_all(engine: Engine, project: Revisions | None = None) -> list[tuple[str | None, str | None]]:
    """Migrate to the latest of Splashdown's revisions and then of the project's; return as ``upgrade``, of each."""
    if project is None:
        return [upgrade(engine)]
    return [upgrade(engine, has_demo=False), upgrade(engine, project)]


Columns = Mapping[str, Mapping[str, str]]


def _columns_of_rows(connection: Connection) -> Columns:
    """Return the types of the columns of each table of rows, as the database names them."""
    inspector = inspect(connection)
    tables = [model.table() for model in own_models()]
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
    for model in own_models():
        table = model.table()
        if before.get(table.fullname, after.get(table.fullname)) != after.get(table.fullname):
            connection.execute(table.update().values(content_hash=None))


def check_schema(engine: Engine, project: Revisions | None = None) -> None:
    """Check the schema for Splashdown's revisions and for the project's. An SQLite file is migrated.

    Raises:
        DatabaseUnusable: the schema of a server is not the latest one.
    """
    _check_revisions(engine, base_revisions(), has_demo=project is None)
    if project is not None:
        _check_revisions(engine, project)


def _check_revisions(engine: Engine, revisions: Revisions, *, has_demo: bool = True) -> None:
    with engine.connect() as connection:
        if revisions.are_all_applied(connection):
            return
        found = revisions.current(connection)
    head = revisions.head()
    if found == head:
        return
    _check_known(found, revisions, engine)
    if engine.dialect.name == "sqlite":
        upgrade(engine, revisions, has_demo=has_demo)
        return
    state = (
        f"has no tables of {revisions.owner} yet"
        if found is None
        else f"is not the latest one (it has revision {found}, and {head} is needed)"
    )
    raise DatabaseUnusable(f"the schema of {shown(engine.url)} {state}: run `{command('migrate')}`")


def _check_known(revision: str | None, revisions: Revisions, engine: Engine) -> None:
    """Raise DatabaseUnusable if the database has a revision that is not among the migrations."""
    if not revisions.is_known(revision):
        raise DatabaseUnusable(
            f"the schema of {shown(engine.url)} is from a newer {revisions.owner}, or its migration is missing here "
            f"(revision {revision} is not in {revisions.folder}): update {revisions.owner}, or restore the file"
        )


def check_keys(inspector: Inspector, models: Iterable[type[Row]]) -> None:
    """Check that the tables of these models, if they are there, have the models' natural keys.

    Raises:
        DatabaseUnusable: a table has another key; the message names both and says what to do.
    """
    for model in models:
        table = model.bookkeeping_table()
        if not inspector.has_table(table.name, schema=table.schema):
            continue
        needed = [column.name for column in table.primary_key.columns]
        found = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
        if set(found) == set(needed):
            continue
        unique = inspector.get_unique_constraints(table.name, schema=table.schema)
        if not found and any(set(one["column_names"]) == set(needed) for one in unique):
            continue  # an upsert needs no more
        has = f"has the key ({', '.join(found)})" if found else "has no key"
        advice = (
            f"drop the table {table.name}, which has no values of the site, in a migration of your own"
            if issubclass(model, ExistingRow)
            else OTHER_TABLE
        )
        raise DatabaseUnusable(
            f"the table {table.name} of the database at {shown(inspector.engine.url)} {has}, and its model "
            f"{model.__name__} has the key ({', '.join(needed)}), which `{command('migrate --new')}` cannot change: "
            f"{advice}, then run `{command('migrate --new')}`"
        )


def check_tables(engine: Engine, models: Iterable[type[Row]]) -> None:
    """Check that the database has the tables of these models with all their columns and with their keys.

    Raises:
        DatabaseUnusable: a table or a column is missing, or a key is another one; the message says what to do.
    """
    models = list(models)
    missing = []
    with engine.connect() as connection:
        inspector = inspect(connection)
        for model in models:
            if issubclass(model, ExistingRow) and model.problem is not None:
                raise DatabaseUnusable(f"{model.problem} ({shown(engine.url)})")
            table = model.bookkeeping_table()
            if not inspector.has_table(table.name, schema=table.schema):
                missing.append(f"the table {table.name} of the model {model.__name__}")
                continue
            found = {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
            missing += [
                f"the column {table.name}.{column.name} of the model {model.__name__}"
                for column in table.columns
                if column.name not in found
            ]
        check_keys(inspector, models)
    if missing:
        raise DatabaseUnusable(
            f"the database at {shown(engine.url)} lacks {', '.join(missing)}: "
            f"run `{command('migrate --new')}`, which writes the migration and applies it"
        )
