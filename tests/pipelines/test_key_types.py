"""A natural key of any type finds its row again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.pipelines.every_type import KEY_VALUES, KEYS, ON_DATABASES, TYPES, check, clear
from tests.pipelines.own_tables import there
from tests.pipelines.runs import Run


@pytest.fixture
def tables(engine: Engine) -> Iterator[None]:
    with there(engine, *KEYS.values()):
        yield


@pytest.mark.usefixtures("tables")
@ON_DATABASES
@given(data=st.data())
def test_a_natural_key_of_any_type_finds_its_row(engine: Engine, data: st.DataObject) -> None:
    run = Run(engine, spider=uuid.uuid4().hex)
    try:
        rows = [
            (model, {"part": value, "note": "once"})
            for name, model in KEYS.items()
            for value in data.draw(
                st.lists(TYPES[KEY_VALUES[name]][1], min_size=1, max_size=4, unique_by=repr)
            )
        ]
        check(run, rows)
        check(run, [(model, item | {"note": "twice"}) for model, item in rows])
        outcome = run.finish()
        assert not isinstance(outcome, Exception), repr(outcome)
    finally:
        clear(run)
