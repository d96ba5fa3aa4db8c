"""A run stores the values of every type on every database; an invalid value costs at most its row."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from sqlalchemy import Engine

from crawler.commands.changes import as_json, as_line
from models import OutboxEvent, RowChange
from models.json_values import from_json_value, to_json_value
from tests.pipelines.every_type import ON_DATABASES, Everything, check, clear, items
from tests.pipelines.own_tables import there
from tests.pipelines.runs import Run


@pytest.fixture
def table(engine: Engine) -> Iterator[None]:
    with there(engine, Everything):
        yield


@pytest.mark.usefixtures("table")
@ON_DATABASES
@given(first=items(), second=items())
def test_no_value_of_any_type_ends_the_run(
    engine: Engine, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    run = Run(engine, spider=uuid.uuid4().hex, outbox=True)
    try:
        check(run, [(Everything, item) for item in first])
        check(run, [(Everything, item) for item in second])
        outcome = run.finish()
        assert not isinstance(outcome, Exception), repr(outcome)
        for change in run.all(RowChange):
            json.dumps(as_json(change))
            assert as_line(change)
        for event in run.all(OutboxEvent):
            data = json.loads(event.envelope)["data"]
            for name, value in data["row"].items():
                column = Everything.table().c[name]
                assert to_json_value(from_json_value(value, column.type)) == value
    finally:
        clear(run)
