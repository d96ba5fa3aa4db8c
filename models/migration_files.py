"""The newest revision of the migrations, read from their files without running them and without Alembic.

Alembic and the migrations take a tenth of the start of a crawl, whose database usually has the newest revision.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

NAMES = ("revision", "down_revision", "branch_labels", "depends_on")


def newest_revision(folder: Path) -> str | None:
    """Return the revision of the last migration in the folder.

    Returns:
        None if the files do not form one line, or have a form that only Alembic reads. Alembic then says what is wrong.
    """
    following: dict[str | None, str] = {}  # each revision by the one before it
    try:
        for file in folder.glob("[!_.]*.py"):
            state = file.stat()
            revision, before = _revisions(file, state.st_mtime_ns, state.st_size)
            if before in following or revision in following.values():
                return None
            following[before] = revision
    except (OSError, SyntaxError, ValueError, KeyError):
        return None
    newest = None
    for _ in range(len(following)):
        if newest not in following:
            return None
        newest = following[newest]
    return newest


@cache
def _revisions(file: Path, _changed: int, _size: int) -> tuple[str, str | None]:
    """Return the revision of a migration and the revision before it; a file that did not change is read once.

    Raises:
        OSError, SyntaxError: the file cannot be read.
        KeyError: it does not set both names.
        ValueError: a name has another value than a text, or depends on other revisions.
    """
    values: dict[str, object] = {}
    for statement in ast.parse(file.read_text("utf-8"), str(file)).body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id in NAMES and statement.value is not None:
                values[target.id] = ast.literal_eval(statement.value)
    revision, before = values["revision"], values["down_revision"]
    if not isinstance(revision, str) or not (before is None or isinstance(before, str)):
        raise ValueError(file)
    if values.get("branch_labels") or values.get("depends_on"):
        raise ValueError(file)
    return revision, before
