"""SQLite files with our tables. Most tests need the tables, not the migrations, which take 0.5 s of a process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from models.schema import upgrade
from models.session import make_engine


@cache
def migrated_file() -> Path:
    """Return an SQLite file with our tables, all of them empty. It is made once for each process."""
    folder = tempfile.mkdtemp(prefix="splashdown-migrated-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder) / "migrated.db"
    engine = make_engine(f"sqlite:///{file}")
    upgrade(engine)
    engine.dispose()  # the last connection writes the log of SQLite into the file
    return file


def make_file_with_tables(url: str) -> bool:
    """Make the SQLite file of a URL, with our tables; return False for another database, or a file that exists.

    A folder that does not exist is not made: the test may be about that.
    """
    if not url.startswith("sqlite:///") or url.endswith(":memory:"):
        return False
    file = Path(make_url(url).database or "")
    if not file.is_absolute() or file.exists() or not file.parent.is_dir():
        return False
    shutil.copyfile(migrated_file(), file)
    return True
