"""The limit of values in a request's JSON; the server refuses more of them without reading them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.api import request_json
from renderer.api.request_json import MAX_VALUES, may_have_more_values
from tests.renderer.conftest import Client

MANY = 6_000_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[' + b"0," * MANY + b"1]}",
        b'{"x":[' + b"[]," * (MANY // 2) + b"1]}",
        b'{"x":[' + b'"a,",' * (MANY // 4) + b"1]}",
        b"[" * MANY,
        b'",' * MANY,
        b'"' + b"\\" * (MANY + 1) + b"," * (MAX_VALUES + 1),
    ],
    ids=["numbers", "lists", "texts", "depth", "quotes", "escapes"],
)
def test_a_request_with_too_many_values_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="more than"):
        request_json.read(body)


@pytest.mark.parametrize("text", ["a," * MANY, '\\",[' * (MANY // 4), "[{" * MANY])
def test_a_long_text_is_one_value(text: str) -> None:
    assert request_json.read(json.dumps({"body": text}).encode()) == {"body": text}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def count(value: object) -> int:
    """Return the number of values in a value, itself included."""
    if isinstance(value, list):
        return 1 + sum(map(count, value))
    if isinstance(value, dict):
        return 1 + sum(map(count, value.values()))
    return 1


@settings(max_examples=25, deadline=None)
@given(values)
def test_the_count_is_at_most_the_values_and_the_lists_around_them(value: object) -> None:
    body = json.dumps(value).encode()
    assert not may_have_more_values(body, 2 * count(value) + 2)


def test_the_server_reports_too_many_values(splash: Client) -> None:
    answer = splash.post("/render.html", data=b'{"x":[' + b"0," * MANY + b"1]}")
    assert answer.status == 400
    assert "more than" in answer.json["info"]["message"]
