"""The migration of the history's index keeps all changes, and can be downgraded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text

from models.schema import base_revisions, upgrade
from models.session import for_writing


def migrate(engine: Engine, to: str) -> None:
    with for_writing(engine).begin() as connection:
        turn = command.downgrade if to < "0004" else command.upgrade
        turn(base_revisions().config(connection), to)


@pytest.fixture
def before(engine: Engine) -> Iterator[Engine]:
    """The database before the migration, with a run and its change."""
    migrate(engine, "0003")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO crawl_run (id, spider, arguments, scope, started_at, start_read, commits) VALUES "
                "(7, 'books', '{}', :scope, '2026-01-01 00:00:00', :no, 0)"
            ),
            {"scope": b"s" * 32, "no": False},
        )
        connection.execute(
            text(
                "INSERT INTO row_change (run_id, at, table_name, key_hash, row_key, kind, fields) VALUES "
                "(7, '2026-01-01 00:00:00', 'book', :hash, '[\"B1\"]', 'changed', '{\"price\":[\"1.00\",\"2.00\"]}')"
            ),
            {"hash": b"h" * 16},
        )
    yield engine
    upgrade(engine)


def changes(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [
            (run_id, bytes(hashed), key, fields)
            for run_id, hashed, key, fields in connection.execute(
                text("SELECT run_id, key_hash, row_key, fields FROM row_change")
            )
        ]


def indexes(engine: Engine) -> dict[object, list[str | None]]:
    return {index["name"]: index["column_names"] for index in inspect(engine).get_indexes("row_change")}


def test_the_migration_keeps_the_history_in_both_directions(before: Engine) -> None:
    told = changes(before)
    assert [(run, key) for run, _, key, _ in told] == [(7, '["B1"]')]
    upgrade(before)
    assert changes(before) == told
    assert indexes(before) == {"ix_row_change_row": ["run_id", "key_hash"]}
    assert inspect(before).get_foreign_keys("row_change") == []
    migrate(before, "0003")
    assert changes(before) == told
    assert indexes(before) == {
        "ix_row_change_row": ["table_name", "key_hash"],
        "ix_row_change_run_id": ["run_id"],
    }
    assert [key["name"] for key in inspect(before).get_foreign_keys("row_change")] == ["fk_row_change_run_id"]
