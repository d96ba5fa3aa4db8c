"""Checking that an SQLite file is still the file that was opened: data in a deleted file is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from sqlalchemy import Engine


class FileGone(Exception):
    """The file was deleted or replaced while it was open; the message says which of the two."""


class SqliteFile:
    """The file of an engine at the time of this call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity = _identity(path)

    @classmethod
    def of(cls, engine: Engine) -> Self | None:
        """Return the engine's file; None for a server, a database in memory and a file that is named by a URI."""
        name = engine.url.database
        if engine.dialect.name != "sqlite" or not name or name.startswith((":", "file:")):
            return None
        return cls(Path(name).absolute())

    def check(self) -> None:
        """Raise FileGone if the path leads to another file now, or to none."""
        found = _identity(self.path)
        if found is None or found != self.identity:
            what = "was deleted" if found is None else "was replaced by another file"
            raise FileGone(
                f"the SQLite file {self.path} {what} during the run: the run's data in it is lost. "
                "Crawl again, "
                "and do not touch the file until the run has ended"
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
