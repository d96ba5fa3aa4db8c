"""Writing a new migration, with the next number, for the differences between the models and the database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from models.schema import _config, _script, upgrade
from models.session import for_writing


def new_revision(engine: Engine, message: str) -> Path | None:
    """Migrate the database to the latest revision, and write a revision for the remaining differences.

    The new revision is not applied.

    Returns:
        The revision's file; None if there is no difference.

    Raises:
        DatabaseUnusable: as ``models.schema.upgrade``.
    """
    from alembic import command  # noqa: PLC0415 - as in models/schema.py

    upgrade(engine)
    number = f"{_next_number():04d}"

    def keep_if_anything(_context: Any, _revision: Any, directives: list[Any]) -> None:
        if directives[0].upgrade_ops.is_empty():
            directives.clear()

    with for_writing(engine).begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        made = command.revision(
            config,
            message=message,
            autogenerate=True,
            rev_id=number,
            process_revision_directives=keep_if_anything,
        )
    scripts = [script for script in (made if isinstance(made, list) else [made]) if script is not None]
    return Path(scripts[0].path) if scripts else None


def _next_number() -> int:
    """Return the number after the largest; revisions that are not numbers do not count."""
    numbers = [
        int(script.revision)
        for script in _script().walk_revisions()
        if re.fullmatch(r"\d{4}", script.revision)
    ]
    return max(numbers, default=0) + 1
