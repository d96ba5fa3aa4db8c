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


def run(connection: Connection) -> None:
    """Run the migrations on this connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
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
