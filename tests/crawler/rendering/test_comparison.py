"""The comparison of two outputs of a callback."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy import Request

from crawler.rendering.comparison import CheckedItem, PageOutput, canonical, difference, request_identity


def item(key: int, **values: Any) -> CheckedItem:
    return CheckedItem(table="quote", key=[key], values={"quote_id": key, **values})


def output(*items: CheckedItem, **requests: str) -> PageOutput:
    return PageOutput(items=list(items), requests=requests)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (output(item(1, a=1), item(2, a=2), r="/r"), None),
        (output(item(2, a=2), item(1, a=1), r="/r"), None),  # other keys may come in another order
        (output(item(1, a=1), r="/r"), "a row for quote is missing on the plain page: [2]"),
        (output(item(1, a=1), item(2, a=3), r="/r"), "quote: a is 2 rendered and 3 plain"),
        (output(item(1, a=1), item(2), r="/r"), "quote: a is 2 rendered and None plain"),
        (
            output(item(1, a=1), item(2, a=2), item(2, a=2), r="/r"),
            "the plain page has a row for quote more: [2]",
        ),
        (
            output(item(1, a=1), item(2, a=2), item(3, a=2), r="/r"),
            "the plain page has a row for quote more: [3]",
        ),
        (output(item(1, a=1), item(2, a=2)), "a request is missing on the plain page: /r"),
        (output(item(1, a=1), item(2, a=2), r="/r", s="/s"), "the plain page has a request more: /s"),
        (PageOutput(error="KeyError: 'a'"), "the callback raised on the plain page: KeyError: 'a'"),
    ],
)
def test_rows_are_compared_by_key_and_requests_as_sets(plain: PageOutput, said: str | None) -> None:
    assert difference(output(item(1, a=1), item(2, a=2), r="/r"), plain) == said


def test_the_order_within_a_key_counts() -> None:
    one, other = output(item(1, a=1), item(1, a=2)), output(item(1, a=2), item(1, a=1))
    assert difference(one, other) == "quote: a is 1 rendered and 2 plain"


def test_an_invalid_item_differs_from_a_valid_one() -> None:
    invalid = CheckedItem(table="quote", key=[1], values={"quote_id": 1}, reasons={"a": "is missing"})
    assert difference(output(item(1)), output(invalid)) is not None
    assert output(item(2), invalid).invalid == "quote.a is missing"
    assert output(item(2)).invalid is None


def identity(url: str = "https://a.example/?a=1&b=2", **request: Any) -> str:
    return request_identity(Request(url, **request), render_arguments={})


@pytest.mark.parametrize(
    "request_",
    [
        {"url": "https://a.example/?b=2&a=1&utm_source=x&fbclid=y"},
        {
            "meta": {
                "depth": 3,
                "download_latency": 0.1,
                "splash": {},
                "frontier": 4,
                "_splash_processed": True,
            }
        },
    ],
)
def test_the_way_to_a_request_does_not_count(request_: dict[str, Any]) -> None:
    assert identity(**request_) == identity()


@pytest.mark.parametrize(
    "request_",
    [
        {"url": "https://a.example/?a=1&b=3"},
        {"method": "POST"},
        {"body": b"x"},
        {"cb_kwargs": {"page": 1}},
        {"meta": {"list": 1}},
        {"priority": 1},
        {"callback": lambda _: None},
    ],
)
def test_what_a_request_asks_for_counts(request_: dict[str, Any]) -> None:
    assert identity(**request_) != identity()


def test_arguments_of_a_render_count() -> None:
    request = Request("https://a.example")
    one, other = ({"wait_for": "p"}, {"wait_for": "q"})
    assert request_identity(request, render_arguments=one) != request_identity(
        request, render_arguments=other
    )


def test_the_order_of_dicts_and_sets_does_not_count() -> None:
    assert canonical({"a": {1, 2}, "b": [1]}) == canonical({"b": [1], "a": {2, 1}})
    assert canonical([1, 2]) != canonical([2, 1])
    assert canonical("1") != canonical(1)
