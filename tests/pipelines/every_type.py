"""Models with a column of every type, the values of each type, and the check that a run stores them.

COLUMN_TYPES_EXAMPLES sets how many examples are tried (of batches of items, on each database).
"""

from __future__ import annotations

import enum
import json
import math
import os
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Text,
    Time,
    TypeDecorator,
    Unicode,
    UnicodeText,
    Uuid,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from crawler.page.commit import Commit
from crawler.page.item_json import plain_item
from crawler.page.row import Rejection, row_of
from models import Base, OutboxEvent, RejectedItem, Row, RowChange
from models.types import ExactNumeric, ExactString, LongText, UtcDateTime
from pipelines.validate import InvalidItem, readable_key, validated
from tests.pipelines.own_tables import set_apart
from tests.pipelines.runs import Run

EXAMPLES = int(os.environ.get("COLUMN_TYPES_EXAMPLES", "3"))


class Colour(enum.Enum):
    RED = "r"
    LIGHT_BLUE = "light blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Words(TypeDecorator[list[str]]):
    """A TypeDecorator of a project."""

    impl = String(200)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else ",".join(value)

    def process_result_value(self, value: Any, dialect: Any) -> list[str] | None:
        return None if value is None else value.split(",")


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
DATES = st.dates(min_value=date(1000, 1, 1))
DATETIMES = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def decimals(digits: int, places: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda number: Decimal(number).scaleb(-places))


# Each type with the values that it accepts.
TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "exact_string": (ExactString(30), TEXTS),
    "string": (String(30), TEXTS),
    "endless_string": (String(), TEXTS),
    "unicode": (Unicode(30), TEXTS),
    "long_text": (LongText(), TEXTS),
    "text": (Text(), TEXTS),
    "unicode_text": (UnicodeText(), TEXTS),
    "small_integer": (SmallInteger(), st.integers(-(2**15), 2**15 - 1)),
    "integer": (Integer(), st.integers(-(2**31), 2**31 - 1)),
    "big_integer": (BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    "exact_numeric": (ExactNumeric(12, 3), decimals(12, 3)),
    "long_numeric": (Numeric(40, 10), decimals(40, 10)),
    "whole_numeric": (Numeric(12), decimals(12, 0)),
    "float": (Float(), FLOATS),
    "double": (Double(), FLOATS),
    "boolean": (Boolean(), st.booleans()),
    "date": (Date(), DATES),
    "naive": (DateTime(), DATETIMES),
    "aware": (DateTime(timezone=True), DATETIMES.map(lambda one: one.replace(tzinfo=UTC))),
    "moment": (UtcDateTime(), DATETIMES.map(lambda one: one.replace(tzinfo=UTC))),
    "time": (Time(), st.times()),
    "interval": (Interval(), st.timedeltas(timedelta(days=-100_000_000), timedelta(days=100_000_000))),
    "uuid": (Uuid(), st.uuids()),
    "uuid_text": (Uuid(as_uuid=False), st.uuids().map(str)),
    "words": (Enum("red", "dark blue", name="test_words"), st.sampled_from(["red", "dark blue"])),
    "colour": (Enum(Colour, name="test_colour"), st.sampled_from(Colour)),
    "size": (Enum(Size, name="test_size", native_enum=False), st.sampled_from(Size)),
    "by_value": (
        Enum(Colour, name="test_by_value", values_callable=lambda cls: [one.value for one in cls]),
        st.sampled_from(Colour),
    ),
    "binary": (LargeBinary(), st.binary(max_size=50)),
    "short_binary": (LargeBinary(50), st.binary(max_size=50)),
    "json": (JSON(), JSONS),
    "numbers": (ARRAY(Integer), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4)),
    "amounts": (ARRAY(Numeric(12, 2)), st.lists(decimals(12, 2), max_size=4)),
    "names": (ARRAY(String(30)), st.lists(TEXTS, max_size=4)),
    "own": (Words(), st.lists(st.sampled_from(["a", "b", "c d"]), min_size=1, max_size=4)),
}

ANYTHING = st.one_of(
    st.none(),
    st.text(max_size=20),  # lone surrogates and NULs are among these
    st.floats(),
    st.integers(),
    st.sampled_from(
        [
            2**63,
            -(2**63) - 1,
            10**400,
            Decimal("NaN"),
            Decimal("1e400"),
            math.inf,
            "\ud800",
            "a\x00b",
            "x" * 70_000,
            b"\xff" * 70_000,
            date.min,
            date.max,
            datetime.min,
            datetime.max,
            datetime.max.replace(tzinfo=UTC),
            datetime.min.replace(tzinfo=UTC),
            timedelta.max,
            timedelta.min,
            time(1, tzinfo=UTC),
            object(),
            {"a": {1, 2}},
            {"a": object()},
            "0000-00-00",
            "1e309",
            Colour.RED,
            uuid.UUID(int=0),
            [[["\ud800"]]],
            [1, [2]],
        ]
    ),
)


class Everything(Row):
    """A column of every type."""

    __tablename__ = "test_everything"
    __table_args__ = tuple(Column(name, type_) for name, (type_, _) in TYPES.items())

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    twice: Mapped[int | None] = mapped_column(Integer, Computed("id * 2"))

    @hybrid_property
    def half(self) -> float:
        return self.id / 2


KEYS = {
    name: type(
        f"By{name.title().replace('_', '')}",
        (Row,),
        {
            "__tablename__": f"test_by_{name}",
            "__module__": __name__,
            "part": mapped_column(type_, primary_key=True),
            "note": mapped_column(ExactString(30), nullable=True),
        },
    )
    for name, type_ in {
        "string": ExactString(30),
        "integer": BigInteger(),
        "numeric": Numeric(12, 3),
        "long_numeric": Numeric(40, 10),
        "date": Date(),
        "moment": DateTime(),
        "time": Time(),
        "interval": Interval(),
        "uuid": Uuid(),
        "words": Enum("red", "dark blue", name="test_key_words"),
        "colour": Enum(Colour, name="test_key_colour"),
        "boolean": Boolean(),
    }.items()
}
KEY_VALUES = {
    "string": "exact_string",
    "integer": "big_integer",
    "numeric": "exact_numeric",
    **{
        name: name
        for name in (
            "long_numeric",
            "date",
            "moment",
            "time",
            "interval",
            "uuid",
            "words",
            "colour",
            "boolean",
        )
    },
}
MODELS = (Everything, *KEYS.values())
set_apart(*MODELS)


@st.composite
def items(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw items; some values are valid and some are not, and some columns are left out."""
    some = []
    for number in range(draw(st.integers(1, 6))):
        invalid = draw(st.integers(0, 2)) == 0
        item: dict[str, Any] = {"id": number}
        for name, (_, valid) in TYPES.items():
            if draw(st.integers(0, 5)):
                item[name] = draw(ANYTHING if invalid and draw(st.integers(0, 3)) == 0 else st.none() | valid)
        some.append(item)
    return some


def page(some: list[tuple[type[Row], dict[str, Any]]]) -> Commit:
    """Return the page with these items, as the item pipelines make it."""
    rows, rejections = [], []
    for model, item in some:
        try:
            rows.append(row_of(validated(item, model), model))
        except InvalidItem as invalid:
            rejections.append(
                Rejection(
                    model=model,
                    item=plain_item(item),
                    reasons=invalid.reasons,
                    key=readable_key(item, model),
                )
            )
    return Commit(url="http://shop/", rows=tuple(rows), rejections=tuple(rejections))


def stored_values(run: Run, model: type[Row]) -> dict[Any, dict[str, Any]]:
    return {
        tuple(getattr(one, name) for name in model.key()): {
            name: getattr(one, name) for name in model.fields()
        }
        for one in run.all(model)
    }


def check(run: Run, some: list[tuple[type[Row], dict[str, Any]]]) -> None:
    """Commit the items twice: each value comes back unchanged, and the second time there are no changes."""
    commit = page(some)
    for round_ in ("created", "unchanged"):
        before = len(run.all(RowChange))
        rejected = len(run.all(RejectedItem))
        outcome = run.commit(commit)
        assert not isinstance(outcome, Exception), repr(outcome)
        refused = outcome[0].rejected - len(commit.rejections)
        assert outcome[0].stored + refused == len(commit.rows)
        assert len(run.all(RejectedItem)) - rejected == outcome[0].rejected
        for one in run.all(RejectedItem)[rejected + len(commit.rejections) :]:
            assert one.validated and one.reasons[""], one.reasons
        if round_ == "unchanged":
            changes = [(one.row_key, one.kind, one.fields) for one in run.all(RowChange)[before:]]
            assert changes == []
    found = {model: stored_values(run, model) for model in {model for model, _ in some}}
    bad = {json.dumps(one.item, sort_keys=True) for one in run.all(RejectedItem)}
    for row in commit.rows:
        if json.dumps(plain_item(row.values), sort_keys=True) not in bad:
            assert {name: found[row.model][row.key][name] for name in row.values} == row.values


def clear(run: Run) -> None:
    """Delete the rows, the history, the events and the rejected items."""
    there_now = [model.table() for model in MODELS if model.__tablename__ in Base.metadata.tables]
    with run.engine.begin() as connection:
        for table in (
            OutboxEvent.__table__,
            RowChange.__table__,
            RejectedItem.__table__,
            *there_now,
        ):
            connection.execute(table.delete())  # type: ignore[attr-defined]


ON_DATABASES = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking an example takes minutes
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
