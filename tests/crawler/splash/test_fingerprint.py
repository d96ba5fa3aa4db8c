"""When two Splash requests are the same one."""

from __future__ import annotations

from typing import Any

import pytest
import scrapy
from scrapy import Request
from scrapy.utils.test import get_crawler
from scrapy_splash import (
    SplashDeduplicateArgsMiddleware,
    SplashMiddleware,
    SplashRequest,
    SplashRequestFingerprinter,
)

URL = "http://site.example/?b=1&a=2"
LUA = {"lua_source": "function main() end"}


class Spider(scrapy.Spider):
    name = "it"


class Way:
    """The way of a request through the two middlewares, without an engine."""

    def __init__(self, **settings: Any) -> None:
        self.crawler = get_crawler(Spider, {"SPLASH_URL": "http://splash.example:8050", **settings})
        self.crawler.spider = self.crawler._create_spider()
        self.fingerprinter = SplashRequestFingerprinter.from_crawler(self.crawler)
        self.deduplicate = SplashDeduplicateArgsMiddleware.from_crawler(self.crawler)
        self.splash = SplashMiddleware.from_crawler(self.crawler)
        self.splash._get_slot_key = lambda request: "slot"

    def deduplicated(self, request: Request) -> Request:
        made: Request = self.deduplicate._deduplicated(request)
        return made

    def sent(self, request: Request) -> Request:
        made: Request = self.splash.process_request(self.deduplicated(request))
        return made

    def name(self, request: Request) -> bytes:
        fingerprint: bytes = self.fingerprinter.fingerprint(request)
        return fingerprint


def lua(url: str = URL, **more: Any) -> SplashRequest:
    return SplashRequest(url, endpoint="execute", args=dict(LUA), cache_args=["lua_source"], **more)


@pytest.fixture
def way() -> Way:
    return Way()


def test_a_fingerprint_is_bytes_and_the_same_in_every_process() -> None:
    assert Way().name(lua()) == Way().name(lua())
    assert isinstance(Way().name(lua()), bytes)


@pytest.mark.parametrize(
    "other",
    [
        lambda: lua("http://site.example/?a=2&b=1"),
        lambda: lua(priority=7, slot_policy="single_slot", splash_headers={"X": "y"}),
        lambda: lua(splash_url="http://other.example:8050"),
        lambda: SplashRequest(URL, endpoint="execute", args=dict(LUA)),
        lambda: lua().replace(dont_filter=True),
    ],
)
def test_how_a_request_gets_there_does_not_make_it_another(other: Any, way: Way) -> None:
    assert way.name(other()) == way.name(lua())


@pytest.mark.parametrize(
    "other",
    [
        lambda: lua(URL + "#fragment"),
        lambda: lua(session_id="another"),
        lambda: SplashRequest(URL, endpoint="render.html", args=dict(LUA)),
        lambda: SplashRequest(
            URL, endpoint="execute", args={"lua_source": "other"}, cache_args=["lua_source"]
        ),
        lambda: Request(URL),
    ],
)
def test_what_may_change_the_page_makes_it_another(other: Any, way: Way) -> None:
    assert way.name(other()) != way.name(lua())


def test_the_fragment_counts_for_plain_requests_too(way: Way) -> None:
    one, other = (Request(URL + end, meta={"splash": {"args": {"wait": 1}}}) for end in ("#a", "#b"))
    assert way.name(one) != way.name(other)


def test_deduplicated_arguments_do_not_make_it_another(way: Way) -> None:
    assert way.name(way.deduplicated(lua())) == way.name(lua())


def test_the_request_to_splash_is_another_one(way: Way) -> None:
    assert way.name(way.sent(lua())) != way.name(lua())


def test_the_key_of_an_answer_does_not_depend_on_what_splash_has_kept(way: Way) -> None:
    whole = way.sent(lua())
    way.splash._remote_keys[next(iter(way.splash._argument_values))] = "0" * 40
    by_name = way.sent(lua())
    assert b"load_args" in by_name.body and b"load_args" not in whole.body
    assert way.name(by_name) == way.name(whole)


def test_the_key_of_an_answer_does_not_depend_on_where_splash_is_nor_on_headers() -> None:
    there = Way(SPLASH_URL="https://elsewhere.example/splash", SPLASH_USER="u")
    asked = lua(headers={"Referer": "http://site.example/", "Cookie": "a=b"})
    assert there.name(there.sent(asked)) == Way().name(Way().sent(lua()))


def test_many_requests_may_have_one_dict_of_options(way: Way) -> None:
    options = {"args": dict(LUA), "endpoint": "execute", "cache_args": ["lua_source"]}
    first, second = (
        way.sent(Request(f"http://site.example/{n}", meta={"splash": options})) for n in range(2)
    )
    assert (first.meta["splash"]["args"]["url"], second.meta["splash"]["args"]["url"]) == (
        "http://site.example/0",
        "http://site.example/1",
    )
    assert options == {"args": LUA, "endpoint": "execute", "cache_args": ["lua_source"]}
