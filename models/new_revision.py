"""Writing a new migration, with the next number, for what the models have and the database lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect

from models.base import Base
from models.revisions import Revisions
from models.run_stats import row_models
from models.schema import base_revisions, check_keys, upgrade_all
from models.session import for_writing

if TYPE_CHECKING:
    from models.emptied_columns import EmptiedColumn


@dataclass(frozen=True, kw_only=True)
class NewRevision:
    """The file of a revision, None if there is no difference.

    ``left_alone`` are the columns that only the database has, ``emptied`` those whose values the revision removes.
    ``migrated``: what was applied before the comparison, as ``models.schema.upgrade_all`` returns it.
    """

    file: Path | None
    left_alone: tuple[str, ...]
    emptied: tuple[EmptiedColumn, ...] = ()
    migrated: Sequence[tuple[str | None, str | None]]


def new_revision(engine: Engine, message: str, project: Revisions | None = None) -> NewRevision:
    """Migrate the database to the latest revision, and write a revision for the remaining differences.

    The new revision is not applied. It deletes nothing: tables, columns, indexes and constraints that only the database
    has stay. Such a column becomes nullable if it has no default, or no row could be stored any more. The exception is
    a column whose old values have no meaning in its new type: it is emptied.

    Args:
        project: the revisions to which the new one is added; by default those of Splashdown.

    Raises:
        DatabaseUnusable: as ``models.schema.upgrade``, ``check_keys`` and ``models.emptied_columns.empty_columns``.
    """
    from alembic import command  # noqa: PLC0415 - as in models/revisions.py

    from models.emptied_columns import empty_columns  # noqa: PLC0415

    migrated = upgrade_all(engine, project)
    revisions = project or base_revisions()
    revisions.folder.mkdir(parents=True, exist_ok=True)
    with for_writing(engine).begin() as connection:
        check_keys(inspect(connection), row_models())
        surplus = _surplus_columns(connection)
        emptied: list[EmptiedColumn] = []

        def complete(_context: Any, _revision: Any, directives: list[Any]) -> None:
            script = directives[0]
            emptied.extend(empty_columns(script, connection))
            for table, column in surplus:
                if not column["nullable"] and column.get("default") is None:
                    _make_nullable(script, table, column)
            if script.upgrade_ops.is_empty():
                directives.clear()

        made = command.revision(
            revisions.config(connection),
            message=message,
            autogenerate=True,
            rev_id=f"{_next_number(revisions):04d}",
            version_path=str(revisions.folder),
            process_revision_directives=complete,
        )
    scripts = [script for script in (made if isinstance(made, list) else [made]) if script is not None]
    return NewRevision(
        file=Path(scripts[0].path) if scripts else None,
        left_alone=tuple(f"{table}.{column['name']}" for table, column in surplus),
        emptied=tuple(emptied),
        migrated=migrated,
    )


def _surplus_columns(connection: Connection) -> list[tuple[str, Any]]:
    """Return the columns of the models' tables that only the database has, as SQLAlchemy's inspector does."""
    inspector = inspect(connection)
    return [
        (table.name, column)
        for table in Base.metadata.sorted_tables
        if table.schema is None and inspector.has_table(table.name)
        for column in inspector.get_columns(table.name)
        if column["name"] not in table.columns
    ]


def _make_nullable(script: Any, table: str, column: Any) -> None:
    """Add the change of a column to nullable to a revision that is being written, and its reverse."""
    from alembic.operations import ops  # noqa: PLC0415

    for operations, nullable in ((script.upgrade_ops, True), (script.downgrade_ops, False)):
        change = ops.AlterColumnOp(
            table,
            column["name"],
            existing_type=column["type"],
            existing_nullable=not nullable,
            modify_nullable=nullable,
        )
        operations.ops.append(ops.ModifyTableOps(table, [change]))


def _next_number(revisions: Revisions) -> int:
    """Return the number after the largest; revisions that are not numbers do not count."""
    numbers = [
        int(script.revision)
        for script in revisions.script().walk_revisions()
        if re.fullmatch(r"\d{4}", script.revision)
    ]
    return max(numbers, default=0) + 1
