"""An error of the server is transient, and an error of a row is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from pipelines.storage.database_errors import is_transient
from tests.services import service


def test_a_full_disk_is_a_transient_error(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/full.db")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT)"))
        connection.execute(text("PRAGMA max_page_count = 3"))
        with pytest.raises(DBAPIError, match="full") as full:
            connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": "x" * 100_000})
        assert is_transient(full.value)
        with pytest.raises(DBAPIError) as refused:
            connection.execute(text("INSERT INTO t (b) VALUES (1)"))
        assert not is_transient(refused.value)
    engine.dispose()


def test_a_savepoint_that_a_deadlock_has_removed_is_a_transient_error() -> None:
    """MariaDB rolls the whole transaction back: without a repetition only later statements would be committed."""
    engine = create_engine(service("TEST_MARIADB_URL", "MariaDB"))
    with (
        engine.connect() as connection,
        pytest.raises(DBAPIError, match=r"SAVEPOINT .* does not exist") as lost,
        connection.begin(),
        connection.begin_nested(),
    ):
        connection.execute(text("ROLLBACK"))  # as the server does it by itself
        raise RuntimeError("a deadlock")
    assert is_transient(lost.value)
    engine.dispose()
