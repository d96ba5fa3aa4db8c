"""Alembic's environment: the connection comes from models/schema.py, or from DATABASE_URL on the command line."""

from __future__ import annotations

import os
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from models import Base
from models.session import make_engine
from models.types import Choice, ListOf


def shown_by_name(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """Return the column type as a migration writes it: ``types.ExactString(20)``, or an Enum with its texts.

    False means that Alembic writes the type.
    """
    if kind == "type" and isinstance(thing, Choice):
        return f"sa.{thing.choices!r}"
    if kind == "type" and isinstance(thing, ListOf):
        room = "types" if type(thing.item_type).__module__ == "models.types" else "sa"
        return f"types.ListOf({room}.{thing.item_type!r}, {thing.dimensions!r})"
    if kind == "type" and type(thing).__module__ == "models.types":
        return f"types.{thing!r}"
    return False


def is_in_a_model(thing: Any, _name: Any, _kind: Any, is_reflected: bool, same: Any) -> bool:
    """Return whether a new migration may change this table, column, index or constraint.

    What only the database has belongs to someone else, or has values that no migration may delete unasked.
    """
    return not is_reflected or same is not None


def run(connection: Connection) -> None:
    """Run the migrations on this connection."""
    attributes = context.config.attributes
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table=attributes.get("version_table", "alembic_version"),
        include_object=is_in_a_model,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite cannot alter a column in place
        compare_type=True,
        render_item=shown_by_name,
    )
    with context.begin_transaction():
        context.run_migrations()


connection: Connection | None = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    # `alembic revision --autogenerate`, for developers.
    with make_engine(os.environ.get("DATABASE_URL", "sqlite:///data/splashdown.db")).begin() as connection:
        run(connection)
