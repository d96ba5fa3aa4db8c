"""After any crawls, and any writes of another program between them, an existing table is what the site showed last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models import Base
from models.change import CHANGED, CREATED, RETURNED
from models.existing.definition import ExistingRow, existing, forget_existing_models
from models.existing.reflection import read_existing_tables
from models.run import database_now
from models.session import make_engine
from pipelines.storage.write_rows import write_batch
from tests.pipelines.runs import Run, page

KEYS = ("a", "b", "c", "d")
VALUES = st.sampled_from([None, "x", "y", "zz"])
ITEMS = st.dictionaries(
    st.sampled_from(KEYS),
    st.fixed_dictionaries({"name": VALUES}, optional={"note": VALUES}),
    max_size=4,
)
# Another program inserts, changes and deletes rows.
FOREIGN = st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), st.tuples(VALUES, VALUES)), max_size=3)
STEPS = st.lists(st.tuples(FOREIGN, ITEMS), min_size=1, max_size=5)


@pytest.fixture
def table(database_url: str) -> Iterator[tuple[Run, type[ExistingRow]]]:
    engine = make_engine(database_url)
    create = (
        "CREATE TABLE test_stranger (code VARCHAR(5) PRIMARY KEY, name VARCHAR(9), note VARCHAR(9), own INT)"
    )
    drops = ("test_stranger", "test_stranger_seen")
    with engine.begin() as connection:
        for name in drops:
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
        connection.execute(text(create))
    model = existing("test_stranger", key=["code"], columns=["name", "note"])
    read_existing_tables(engine)
    Base.metadata.create_all(engine, [model.bookkeeping_table()])
    yield Run(engine), model
    forget_existing_models()
    with engine.begin() as connection:
        for name in drops:
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
    engine.dispose()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_table_and_the_changes_are_those_of_plain_python(
    table: tuple[Run, type[ExistingRow]], steps: Sequence[tuple[Any, Any]]
) -> None:
    run, model = table
    engine = run.engine
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM test_stranger"))
        connection.execute(text("DELETE FROM test_stranger_seen"))
    expected: dict[str, dict[str, Any]] = {}
    for foreign, items in steps:
        for key, values in foreign.items():
            expected.pop(key, None)
            with engine.begin() as connection:
                connection.execute(text("DELETE FROM test_stranger WHERE code = :key"), {"key": key})
                if values is not None:
                    expected[key] = dict(zip(("name", "note"), values, strict=True))
                    connection.execute(
                        text("INSERT INTO test_stranger VALUES (:key, :name, :note, 7)"),
                        {"key": key, **expected[key]},
                    )
        changes = []
        for key, item in sorted(items.items()):
            if key not in expected:
                changes.append((key, CREATED, {}))
                expected[key] = {"name": None, "note": None} | item
                continue
            different = {
                name: (expected[key][name], value)
                for name, value in item.items()
                if expected[key][name] != value
            }
            if different:
                changes.append((key, CHANGED, different))
            expected[key] |= item
        rows = page(*((model, {"code": key, **item}) for key, item in items.items())).rows
        with run.sessions.begin() as session:
            made = write_batch(session, rows, run_id=run.claimed.id, now=database_now(session))
        assert [(one.key[0], one.kind, dict(one.fields)) for one in made] == changes
        assert RETURNED not in {one.kind for one in made}
        with engine.connect() as connection:
            stored = {
                code: {"name": name, "note": note}
                for code, name, note in connection.execute(text("SELECT code, name, note FROM test_stranger"))
            }
        assert stored == expected
