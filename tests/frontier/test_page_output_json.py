"""The output of a page is stored as JSON and comes back, and a page's key has everything that its request carries."""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.http import Response

from frontier.page_output_json import output_json, page_key, read_output
from frontier.request_json import encode
from frontier.typed_json import NotJson
from models import Book


class Shop(Spider):
    name = "shop"

    def parse_book(self, response: Response) -> None:
        pass


SHOP = Shop()


def again(*output: Any) -> list[Any]:
    """Return the output after it was stored."""
    text = f"[{','.join(output_json(one, SHOP) for one in output)}]"
    return read_output(zlib.compress(text.encode()), SHOP)


def test_items_and_requests_come_back_in_their_order_and_with_their_types() -> None:
    book = Book.item(sku="B1", price=Decimal("1.50"), reviews=[{"reviewer": "ann"}])
    request = Request(
        "http://shop.example/1",
        SHOP.parse_book,
        priority=3,
        dont_filter=True,
        meta={"delay": 2.5, "lastmod": "2026-01-01"},
        cb_kwargs={"pair": (1, "a")},
    )
    item, link, plain = again(book, request, {"quote_id": 1})
    assert (item, item.model, plain) == (book, Book, {"quote_id": 1})
    assert (link.callback, link.priority, link.dont_filter) == (SHOP.parse_book, 3, True)
    assert (link.meta, link.cb_kwargs) == (request.meta, request.cb_kwargs)


def test_an_output_that_cannot_be_made_again_is_refused() -> None:
    with pytest.raises(NotJson):
        output_json({"page": Response("http://shop.example/")}, SHOP)
    with pytest.raises(NotJson):
        output_json(Request("http://shop.example/", lambda response: None), SHOP)


@pytest.mark.parametrize(
    "stored",
    [b"nonsense", zlib.compress(b"["), zlib.compress(b'[["request",{"url":"http://a/","callback":"lost"}]]')],
)
def test_a_record_that_cannot_be_read_is_refused(stored: bytes) -> None:
    with pytest.raises(NotJson):
        read_output(stored, SHOP)


def key(**request: Any) -> bytes:
    return page_key(encode(Request("http://shop.example/1", SHOP.parse_book, **request), SHOP))


@pytest.mark.parametrize(
    "request_fields",
    [
        {"priority": 5},
        {"meta": {"depth": 4}},
        {"meta": {"download_latency": 0.25, "retry_times": 1}},
        {"meta": {"lastmod": "2026-01-01"}},
        {"headers": {"Referer": "http://shop.example/list"}},
        {"dont_filter": True},
    ],
)
def test_the_way_on_which_a_page_was_found_does_not_change_its_key(request_fields: dict[str, Any]) -> None:
    assert key(**request_fields) == key()


@pytest.mark.parametrize(
    "request_fields",
    [
        {"cb_kwargs": {"category": "art"}},
        {"meta": {"category": "art"}},
        {"headers": {"Accept-Language": "de"}},
        {"cookies": {"currency": "EUR"}},
        {"errback": SHOP.parse_book},
    ],
)
def test_what_a_request_carries_changes_the_key_of_its_page(request_fields: dict[str, Any]) -> None:
    assert key(**request_fields) != key()
