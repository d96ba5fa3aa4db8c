"""Values that a later pipeline puts into a row, past the validator, cost at most that row."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine

from crawler.commands.changes import as_json, as_line
from crawler.page.commit import Commit
from crawler.page.row import ValidRow
from models import RowChange
from tests.pipelines.every_type import Colour, Everything, clear
from tests.pipelines.own_tables import there
from tests.pipelines.runs import Run


@pytest.fixture
def table(engine: Engine) -> Iterator[None]:
    with there(engine, Everything):
        yield


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


class Hostile:
    """A value whose methods raise."""

    def __repr__(self) -> str:
        raise RuntimeError("no text for you")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    __hash__ = None  # type: ignore[assignment]


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.usefixtures("table")
def test_an_invalid_value_of_a_later_pipeline_costs_only_its_row(engine: Engine) -> None:
    """The hash, the history, the event, the driver or the database cannot handle these values."""
    run = Run(engine, spider=uuid.uuid4().hex, outbox=True)
    wild = [
        "\ud800",
        "a\x00b",
        2**70,
        Decimal("NaN"),
        math.inf,
        math.nan,
        object(),
        {1, 2},
        datetime.max,
        timedelta.max,
    ]
    wild += [
        Hostile(),
        LOOP,
        b"\xff",
        "x" * 100,
        {"a": object()},
        _nested(5000),
        Colour.RED,
        date.min,
        -1,
        [Hostile()],
    ]
    names = [
        "string",
        "integer",
        "json",
        "moment",
        "exact_numeric",
        "interval",
        "double",
        "names",
        "own",
        "date",
        "uuid",
    ]
    rows = [
        ValidRow(Everything, {"id": number, name: value})
        for number, (value, turn) in enumerate(product(wild, range(3)))
        for name in [names[(number + turn * 4) % len(names)]]
    ]
    good = [ValidRow(Everything, {"id": -1 - number, "text": "good"}) for number in range(5)]
    try:
        commits = [Commit(url="http://shop/", rows=(*rows[:20], *good[:2], *rows[20:], *good[2:]))]
        outcome = run.commit(*commits)
        assert not isinstance(outcome, Exception), repr(outcome)
        assert outcome[0].stored + outcome[0].rejected == len(rows) + len(good)
        assert {one.id for one in run.all(Everything)} >= {-1, -2, -3, -4, -5}
        again = run.commit(*commits, finish="finished")
        assert not isinstance(again, Exception), repr(again)
        for change in run.all(RowChange):
            json.dumps(as_json(change))
            assert as_line(change)
    finally:
        clear(run)
