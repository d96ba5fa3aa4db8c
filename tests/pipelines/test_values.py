"""Each example of docs/values.md is true, and the hint in a reason makes the text valid."""

from __future__ import annotations

import ast
import re
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from sqlalchemy import ARRAY, Column, Integer, Numeric

from pipelines.values.coerce import coerce
from pipelines.values.invalid_value import InvalidValue
from tests.pipelines.values_page import PAGE, Example, examples

HINT = re.compile(r"write (?:[^{]*, )?info=(\{.*?\}+)")


def spelled(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def test_the_docs_have_their_examples() -> None:
    assert len(examples()) > 180
    assert len([line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]) == len(
        examples()
    ) + len(re.findall(r"^\| `\w+`: ", PAGE.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("example", examples(), ids=lambda one: f"{one.text} {one.type} {one.info or ''}")
def test_a_text_becomes_the_value_of_the_example(example: Example) -> None:
    if example.becomes.startswith("refused: "):
        with pytest.raises(InvalidValue, match=re.escape(example.becomes.removeprefix("refused: "))):
            coerce(example.text, example.column())
    else:
        assert f"`{spelled(coerce(example.text, example.column()))}`" == example.becomes


def test_a_text_without_value_is_missing_in_a_column_that_is_not_null() -> None:
    column = Column("x", Numeric(10, 2), nullable=False, info={"words": {"n/a": None}})
    with pytest.raises(InvalidValue, match=r"^is missing$"):
        coerce("N/A", column)


def test_a_text_without_value_is_null_in_a_list() -> None:
    column = Column("x", ARRAY(Integer()), info={"words": {"n/a": None, "sold out": 0}})
    assert coerce(["1", " n/a ", "Sold out"], column) == [1, None, 0]


def test_the_hint_in_a_reason_makes_the_text_valid() -> None:
    """With the hint of the reason in the column the text is valid, or has another reason."""
    helped = 0
    for example in examples():
        try:
            coerce(example.text, example.column())
        except InvalidValue as invalid:
            found = HINT.search(str(invalid))
            if not found or "Area/City" in found[1] or "..." in found[1]:
                continue
            hint = ast.literal_eval(found[1])
            column = example.column(**hint)
            try:
                coerce(example.text, column)
            except InvalidValue as other:
                assert str(other) != str(invalid), example
                assert re.search("is not a date|digits before|decimal places", str(other)), example
            else:
                helped += 1
    assert helped > 20
