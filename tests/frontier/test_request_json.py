"""A request comes back from its JSON as it was, and what has no JSON is refused by name."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import pytest
from scrapy import FormRequest, Request, Spider
from scrapy.utils.request import fingerprint
from scrapy_splash import SplashRequest

from frontier.request_json import NotJson, decode, encode


class Colour(StrEnum):
    RED = "red"


class Shop(Spider):
    name = "shop"

    def parse_book(self, response: Any) -> None:
        pass

    def on_error(self, failure: Any) -> None:
        pass


@pytest.fixture
def shop() -> Shop:
    return Shop()


def requests(shop: Shop) -> list[Request]:
    url = "http://shop/books?name=J%C3%B8"
    return [
        Request(url),
        Request(
            url, shop.parse_book, errback=shop.on_error, cb_kwargs={"sku": "B1", "nested": [1, {"a": None}]}
        ),
        Request(
            url, method="PUT", body=b"\xff\x00 not text", headers={"X-Name": "M\xfcller", "Two": ["a", "b"]}
        ),
        Request(
            url, cookies={"session": "1"}, priority=-7, dont_filter=True, flags=["seen"], encoding="latin-1"
        ),
        Request(
            url, cookies=[{"name": "a", "value": "b", "path": "/x"}], meta={"page": 2, "when": "🌙", "n": 1.5}
        ),
        FormRequest(url, formdata={"q": "ü", "many": ["1", "2"]}, callback=shop.parse_book),
        SplashRequest(url, shop.parse_book, endpoint="execute", args={"lua_source": "return 1", "wait": 0.5}),
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_request_is_the_same_again(shop: Shop, number: int) -> None:
    request = requests(shop)[number]
    again = decode(encode(request, shop), shop)
    assert type(again) is type(request)
    assert fingerprint(again, include_headers=["X-Name", "Two"]) == fingerprint(
        request, include_headers=["X-Name", "Two"]
    )
    for name in ("url", "method", "headers", "body", "cookies", "meta", "cb_kwargs", "priority", "encoding"):
        assert getattr(again, name) == getattr(request, name), name
    for name in ("callback", "errback", "dont_filter", "flags"):
        assert getattr(again, name) == getattr(request, name), name


def test_values_of_their_own_kinds_are_stored_by_value(shop: Shop) -> None:
    request = Request("http://shop/", meta={"colour": Colour.RED, "pair": (1, 2)})
    assert decode(encode(request, shop), shop).meta == {"colour": "red", "pair": [1, 2]}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"meta": {"page": {"when": object()}}}, r"meta\['page'\]\['when'\]"),
        ({"cb_kwargs": {"found": {1, 2}}}, r"cb_kwargs\['found'\]"),
        ({"meta": {"prices": [1.0, float("nan")]}}, r"meta\['prices'\]\[1\] is nan"),
        ({"meta": {"by_number": {1: "a"}}}, r"meta\['by_number'\] has the key 1"),
        ({"callback": lambda response: None}, "make it a method of the spider"),
        ({"callback": print}, "make it a method of the spider"),
    ],
)
def test_what_has_no_json_is_refused_by_the_name_of_its_key(shop: Shop, wrong: Any, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        encode(Request("http://shop/", **wrong), shop)


def test_something_that_holds_itself_is_refused(shop: Shop) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotJson, match="holds itself"):
        encode(Request("http://shop/", meta={"endless": endless}), shop)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"url": "http://shop/", "callback": "parse_gone"}, "lost its callback"),
        ({"url": "http://shop/", "_class": "no.such.Request"}, "not there any more"),
        ({"url": "http://shop/", "_class": "subprocess.Popen"}, "no kind of request"),
    ],
)
def test_what_is_no_request_of_this_spider_any_more_is_said(shop: Shop, stored: Any, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        decode(json.dumps(stored), shop)
