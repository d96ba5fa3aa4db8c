"""Which Splash requests have the same fingerprint."""

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


class Middlewares:
    """The two middlewares and the fingerprinter, without an engine."""

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

    def splash_request(self, request: Request) -> Request:
        made: Request = self.splash.process_request(self.deduplicated(request))
        return made

    def fingerprint(self, request: Request) -> bytes:
        fingerprint: bytes = self.fingerprinter.fingerprint(request)
        return fingerprint


def lua(url: str = URL, **more: Any) -> SplashRequest:
    return SplashRequest(url, endpoint="execute", args=dict(LUA), cache_args=["lua_source"], **more)


@pytest.fixture
def middlewares() -> Middlewares:
    return Middlewares()


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    assert Middlewares().fingerprint(lua()) == Middlewares().fingerprint(lua())
    assert isinstance(Middlewares().fingerprint(lua()), bytes)


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
def test_transport_options_do_not_change_the_fingerprint(other: Any, middlewares: Middlewares) -> None:
    assert middlewares.fingerprint(other()) == middlewares.fingerprint(lua())


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
def test_options_that_change_the_page_change_the_fingerprint(other: Any, middlewares: Middlewares) -> None:
    assert middlewares.fingerprint(other()) != middlewares.fingerprint(lua())


def test_the_fragment_changes_the_fingerprint_of_a_plain_request(middlewares: Middlewares) -> None:
    one, other = (Request(URL + end, meta={"splash": {"args": {"wait": 1}}}) for end in ("#a", "#b"))
    assert middlewares.fingerprint(one) != middlewares.fingerprint(other)


def test_replaced_arguments_do_not_change_the_fingerprint(middlewares: Middlewares) -> None:
    assert middlewares.fingerprint(middlewares.deduplicated(lua())) == middlewares.fingerprint(lua())


def test_a_generator_in_meta_stays_when_arguments_are_replaced(middlewares: Middlewares) -> None:
    generator = (number for number in ())  # the frontier puts the running callback into meta
    copied = middlewares.splash_request(lua()).replace(url="http://site.example/next")
    for request in (lua(), copied, Request(URL, meta={"splash": {"args": dict(LUA)}})):
        request.meta["mine"] = generator
        assert middlewares.deduplicated(request).meta["mine"] is generator


def test_the_request_to_splash_has_a_fingerprint_of_its_own(middlewares: Middlewares) -> None:
    assert middlewares.fingerprint(middlewares.splash_request(lua())) != middlewares.fingerprint(lua())


def test_the_cache_key_does_not_depend_on_saved_arguments(middlewares: Middlewares) -> None:
    with_values = middlewares.splash_request(lua())
    middlewares.splash._remote_keys[next(iter(middlewares.splash._argument_values))] = "0" * 40
    with_keys = middlewares.splash_request(lua())
    assert b"load_args" in with_keys.body and b"load_args" not in with_values.body
    assert middlewares.fingerprint(with_keys) == middlewares.fingerprint(with_values)


def test_the_cache_key_does_not_depend_on_the_server_or_on_headers() -> None:
    there = Middlewares(SPLASH_URL="https://elsewhere.example/splash", SPLASH_USER="u")
    asked = lua(headers={"Referer": "http://site.example/", "Cookie": "a=b"})
    assert there.fingerprint(there.splash_request(asked)) == Middlewares().fingerprint(
        Middlewares().splash_request(lua())
    )


def test_requests_may_share_one_dict_of_options(middlewares: Middlewares) -> None:
    options = {"args": dict(LUA), "endpoint": "execute", "cache_args": ["lua_source"]}
    first, second = (
        middlewares.splash_request(Request(f"http://site.example/{n}", meta={"splash": options}))
        for n in range(2)
    )
    assert (first.meta["splash"]["args"]["url"], second.meta["splash"]["args"]["url"]) == (
        "http://site.example/0",
        "http://site.example/1",
    )
    assert options == {"args": LUA, "endpoint": "execute", "cache_args": ["lua_source"]}
