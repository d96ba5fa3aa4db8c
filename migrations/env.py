"""How Alembic reaches the database: a connection handed in by models/schema.py, or DATABASE_URL on its command line."""

from __future__ import annotations

import os
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from models import Base
from models.session import make_engine


def shown_by_name(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """Write our column types as ``types.ExactString(20)``."""
    if kind == "type" and type(thing).__module__ == "models.types":
        return f"types.{thing!r}"
    return False


def run(connection: Connection) -> None:
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
