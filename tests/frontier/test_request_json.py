"""A request comes back from its JSON as it was, with what it carries; what could not come back is refused by name."""

from __future__ import annotations

import json
import sys
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st
from scrapy import FormRequest, Request, Spider
from scrapy.utils.request import fingerprint
from scrapy_splash import SplashRequest

from frontier.request_json import decode, encode
from frontier.typed_json import NotJson
from models import Book, Quote
from models.base import ModelItem
from tests.frontier.carried import (
    Attrs,
    BookItem,
    Colour,
    Listed,
    Mapped,
    Marks,
    Offer,
    Outer,
    OwnMapping,
    Point,
    Shape,
    Size,
    Slotted,
    StrictItem,
)


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


def back(value: Any) -> Any:
    """What a callback gets of a value that its request was given."""
    spider = Shop()
    text = encode(Request("http://shop/", cb_kwargs={"value": value}), spider)
    text.encode("ascii")
    return decode(text, spider).cb_kwargs["value"]


def shape(value: Any) -> Any:
    """A value with the types of all of its parts, for comparing."""
    kind = type(value)
    if kind is ModelItem:
        return kind, value.model, {name: shape(part) for name, part in value.items()}
    if isinstance(value, dict | BookItem):
        parts = [(name, shape(part)) for name, part in value.items()]
        return kind, getattr(value, "default_factory", None), parts
    if isinstance(value, set | frozenset):
        return kind, sorted(map(repr, map(shape, value)))
    if isinstance(value, list | tuple):
        return kind, [shape(part) for part in value]
    if isinstance(value, datetime | time):
        return kind, value.isoformat(), value.fold, repr(value.tzinfo)
    if kind in (Offer, Slotted, Attrs, Outer.Inner):
        names = getattr(value, "__dict__", None) or kind.__slots__
        return kind, {name: shape(getattr(value, name)) for name in names if name != "__weakref__"}
    return kind, repr(value)


ZONES = [None, UTC, timezone(timedelta(hours=5, minutes=45)), ZoneInfo("Europe/Warsaw")]
atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=st.sampled_from(ZONES), allow_imaginary=False)
    | st.times(timezones=st.sampled_from(ZONES))
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([*Colour, *Size, *Shape, Marks.NEW, Marks.NEW | Marks.SALE, Marks(0), Book, Quote])
)
names = st.sampled_from(["__type__", "value", "class", "_typed"]) | st.text()


def grown(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    of_dict = st.dictionaries(names, parts, max_size=3)
    return st.one_of(
        st.lists(parts, max_size=3),
        st.lists(parts, max_size=3).map(tuple),
        st.sets(atoms, max_size=3),
        st.frozensets(atoms, max_size=3),
        of_dict,
        of_dict.map(OrderedDict),
        of_dict.map(lambda fields: defaultdict(list, fields)),
        st.builds(Book.item, title=parts, price=parts),
        st.builds(BookItem, title=parts),
        st.builds(Offer, price=parts, tags=st.lists(parts, max_size=2)),
        parts.map(Slotted),
        st.tuples(parts, parts).map(lambda two: Attrs(*two)),
        parts.map(Outer.Inner),
        parts.map(Point),
    )


@given(st.recursive(atoms | st.decimals(), grown, max_leaves=8))
def test_what_a_request_carries_comes_back_as_it_was(value: Any) -> None:
    assert shape(back(value)) == shape(value)


@pytest.mark.parametrize(
    "value",
    [
        Quote.item(body="b", tags=("a",), price=Decimal("1.50")),
        {"__type__": "item", "class": "os:Popen", "value": {}},
        {"__type__": {"__type__": (1, 2)}},
        [{"__type__": 1}, {"__type__": []}],
        Counter({"a": 2}),
        bytearray(b"\x00\xff"),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Warsaw")),
        {1, "a", (2, 3)},
    ],
)
def test_these_come_back_too(value: Any) -> None:
    assert shape(back(value)) == shape(value)


def test_no_constructor_runs_when_something_comes_back() -> None:
    offer = back(Offer(1))
    assert offer.made == ["by its constructor"]  # and not once more
    strict = StrictItem("t")
    assert type(back(strict)) is StrictItem and back(strict) == strict


def test_text_and_numbers_with_a_class_of_their_own_come_back_as_plain_ones() -> None:
    class Title(str):
        pass

    class Price(float):
        pass

    assert [(type(one), one) for one in back([Title("a"), Price(1.5)])] == [(str, "a"), (float, 1.5)]


@dataclass
class Holds:
    it: Any


def local_class() -> Any:
    @dataclass
    class Local:
        a: int

    return Local(1)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (local_class(), "define the class at the top of a module"),
        (Book(), r"pass Book.item\(...\)"),
        (ModelItem(), "make it with Model.item"),
        (Mapped(a=1), r"tests.frontier.carried.Mapped, .*pass dict\(...\) of it"),
        (OwnMapping(), r"pass dict\(...\) of it"),
        (Listed("a"), "tests.frontier.carried.Listed"),
        (datetime.now(pytz.timezone("Europe/Warsaw")), "use zoneinfo.ZoneInfo"),
        (defaultdict(lambda: 1), "defaultdict"),
        ([10**5000], "too many digits"),
        (Holds([object()]), r"cb_kwargs\['value'\]\['it'\]\[0\] is builtins.object"),
        (Book.item(title={"a": {1: 2}}), r"\['value'\]\['title'\]\['a'\] has the key 1"),
        (range(3), "builtins.range"),
        (int, "builtins.type"),
    ],
)
def test_what_would_not_come_back_as_it_was_is_refused(value: Any, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        back(value)


def test_texts_of_before_are_read_as_they_were_written(shop: Shop) -> None:
    old = {"__type__": "tuple", "value": [1], "pair": [1, 2]}
    again = decode(json.dumps({"url": "http://shop/", "callback": "parse_book", "cb_kwargs": old}), shop)
    assert again.cb_kwargs == old


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (
            {"__type__": "object", "class": "antigravity:Joke", "value": {}},
            "there is no class antigravity:Joke",
        ),
        (
            {"__type__": "object", "class": "subprocess:Popen", "value": {"args": "true"}},
            "no class subprocess:Popen",
        ),
        ({"__type__": "item", "class": "builtins:dict", "value": {}}, "no class builtins:dict"),
        (
            {"__type__": "item", "class": "tests.frontier.carried:BookItem", "value": {"gone": 1}},
            "'item' cannot be",
        ),
        ({"__type__": "enum", "class": "tests.frontier.carried:Colour", "value": "BLUE"}, "BLUE"),
        ({"__type__": "named tuple", "class": "tests.frontier.carried:Point", "value": [1]}, "other fields"),
        (
            {"__type__": "model item", "class": "tests.frontier.carried:BookItem", "value": {}},
            "would be a model item",
        ),
        ({"__type__": "datetime", "value": "2026-01-01T00:00", "zone": "No/Where"}, "cannot be made again"),
        ({"__type__": "decimal", "value": "many"}, "cannot be made again"),
        ({"__type__": "no such", "value": 1}, "a newer version has stored it"),
    ],
)
def test_what_is_stored_is_never_imported_and_never_called(shop: Shop, stored: Any, said: str) -> None:
    text = json.dumps({"url": "http://shop/", "_typed": 1, "meta": {"a": stored}})
    with pytest.raises(NotJson, match=said):
        decode(text, shop)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"meta": {"page": {"when": object()}}}, r"meta\['page'\]\['when'\]"),
        ({"cb_kwargs": {"found": {1, object()}}}, r"cb_kwargs\['found'\]"),
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
