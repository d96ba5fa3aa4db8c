"""The shape of pages: what every page has, and what has become rarer."""

from __future__ import annotations

from typing import Any

import pytest

from models.page_shape import Shape


def page(*rows: dict[str, Any], has_requests: bool = False, table: str = "book") -> Shape:
    return Shape.of_page([(table, row) for row in rows], has_requests=has_requests)


def total(*pages: Shape) -> Shape:
    result = Shape()
    for one in pages:
        result = result.plus(one)
    return result


LEARNED = total(*(page({"a": 1, "b": n % 2 or None}, has_requests=True) for n in range(4)))


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        (page({"a": 1, "b": None}, has_requests=True), None),
        (page({"a": 0, "b": None}, {"a": False}, has_requests=True), None),
        (page({"a": "", "b": 1}, has_requests=True), "book.a has no value"),
        (page({"a": 1}, {"a": None}, has_requests=True), "book.a has no value"),
        (page({"a": 1}), "no request"),
        (page(has_requests=True), "no row for book"),
        (page({"a": 1}, table="other", has_requests=True), "no row for book"),
    ],
)
def test_what_every_page_had_is_missed(seen: Shape, missing: str | None) -> None:
    assert LEARNED.missing_in(seen) == missing


def test_nothing_is_missed_before_a_page_was_seen() -> None:
    assert Shape().missing_in(page()) is None


def test_a_shape_survives_json() -> None:
    assert Shape.from_json(LEARNED.as_json()) == LEARNED
    assert Shape.from_json({}) == Shape()


@pytest.mark.parametrize(
    ("recent", "fall"),
    [
        (total(*(page({"a": 1, "b": n % 2}, has_requests=True) for n in range(20))), None),
        (
            total(*(page({"a": 1, "b": None}, has_requests=True) for n in range(20))),
            "book.b: 0%, and 50% were learned",
        ),
        (total(*(page({"a": 1, "b": None}, has_requests=True) for n in range(19))), None),
        (
            total(*(page({"a": 1, "b": 1}, has_requests=n > 4) for n in range(20))),
            "pages with requests: 75%, and 100% were learned",
        ),
    ],
)
def test_a_clear_fall_of_a_share_is_found(recent: Shape, fall: str | None) -> None:
    assert LEARNED.fall_in(recent) == fall
