"""A column has a type that is the same on every database, or is refused when the class is defined."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    BINARY,
    CHAR,
    JSON,
    REAL,
    Computed,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Numeric,
    PickleType,
    String,
    Time,
    func,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column, relationship

from models import Base, Quote
from models.base import ModelError, Row

numbers = itertools.count()


def model_with(name: str, column: Any) -> type[Row]:
    """Return a model with a key and this column."""
    number = next(numbers)
    body = {
        "__tablename__": f"test_columns_{number}",
        "__module__": __name__,
        "id": mapped_column(Integer, primary_key=True, autoincrement=False),
        name: column,
    }
    try:
        return type(f"Columns{number}", (Row,), body)
    finally:
        if f"test_columns_{number}" in Base.metadata.tables:
            Base.metadata.remove(Base.metadata.tables[f"test_columns_{number}"])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (mapped_column(Numeric), "use ExactNumeric(12, 2)"),
        (mapped_column(Numeric(10, 2, asdecimal=False)), "use Double()"),
        (mapped_column(Numeric(70, 2)), "65 digits at most"),
        (mapped_column(Float(asdecimal=True)), "use ExactNumeric(12, 2) or Double()"),
        (mapped_column(CHAR(3)), "use ExactString(3)"),
        (mapped_column(PickleType), "use JSON()"),
        (mapped_column(BINARY(3)), "use LongBinary()"),
        (mapped_column(Time(timezone=True)), "use TimeOfDay() or UtcDateTime()"),
        (mapped_column(mysql.TINYINT), "use Integer() or BigInteger()"),
        (mapped_column(mysql.DOUBLE), "use Double()"),
        (mapped_column(mysql.DATETIME), "use UtcDateTime()"),
        (mapped_column(postgresql.INET), "use ExactString(255)"),
        (mapped_column(ARRAY(JSON)), "use JSON()"),
        (mapped_column(Integer, Identity()), "is an Identity"),
        (mapped_column(DateTime, onupdate=func.now()), "has onupdate="),
        (mapped_column(LargeBinary, primary_key=True), "use Digest(n)"),
        (mapped_column(JSON, primary_key=True), "cannot be a key"),
        (mapped_column(Integer, Computed("1"), primary_key=True), "is computed"),
        (mapped_column(String(9), primary_key=True, default=lambda: "x"), "not a constant"),
        (mapped_column(String(9), primary_key=True, server_default="x"), "server_default="),
    ],
)
def test_an_unsupported_column_is_refused_with_a_replacement(column: MappedColumn[Any], message: str) -> None:
    with pytest.raises(ModelError) as refused:
        model_with("part", column)
    assert ".part " in str(refused.value) and message in str(refused.value)


@pytest.mark.parametrize("name", ["key", "fields", "item", "table", "children", "metadata", "registry"])
def test_a_name_of_the_base_class_is_refused(name: str) -> None:
    with pytest.raises(
        ModelError, match=rf"\.{name}: every model has .* of that name; call it columns\d+_{name}"
    ):
        model_with(name, mapped_column(Integer))


@pytest.mark.parametrize("name", ["run_id", "gone_at", "first_seen_at", "last_seen_at", "content_hash"])
def test_the_name_of_a_bookkeeping_column_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=rf"\.{name}: every row has a column of that name"):
        model_with(name, mapped_column(Integer))


def test_a_reserved_name_is_refused_for_children_and_in_a_mixin_too() -> None:
    with pytest.raises(ModelError, match="children: every model"):
        model_with("children", relationship(Quote))

    class Keyed:
        key: Mapped[int] = mapped_column(Integer)

    with pytest.raises(ModelError, match="key: every model"):
        type("Mixed", (Keyed, Row), {"__tablename__": "test_mixed", "__module__": __name__})


@pytest.mark.parametrize(
    ("column_type", "replacement"),
    [
        (Float(), "Double()"),
        (REAL(), "Double()"),
        (DateTime(), "UtcDateTime()"),
        (Numeric(10, 2), "ExactNumeric(10, 2)"),
        (String(20), "ExactString(20)"),
        (String(), "LongText()"),
        (LargeBinary(), "LongBinary()"),
        (Time(), "TimeOfDay()"),
        (ARRAY(Numeric(5, 2)), "ListOf(ExactNumeric(5, 2), dimensions=None)"),
    ],
)
def test_a_type_that_differs_between_databases_is_replaced(column_type: Any, replacement: str) -> None:
    assert repr(model_with("part", mapped_column(column_type)).table().c.part.type) == replacement


def test_a_foreign_key_has_the_type_of_the_column_that_it_names() -> None:
    model = model_with("quote", mapped_column(ForeignKey("quote.quote_id")))
    assert isinstance(model.fields()["quote"].type, Integer)
