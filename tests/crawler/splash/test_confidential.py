"""Passwords and headers for Splash do not reach the site, those for the site do not reach Splash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from w3lib.http import basic_auth_header

from tests.crawler.splash.scripts import run, spider
from tests.crawler.splash.site import Site
from tests.crawler.splash.wire import Wire, wire_to

SPLASHS = basic_auth_header("splash", "geheim").decode()
SITES = basic_auth_header("site", "secret").decode()

COPYING = """
    async def start(self):
        yield SplashRequest(self.url + "/a", splash_headers={"X-Key": "geheim"}, headers={"Authorization": SITES},
                            cookies={"mine": "1"})
    def parse(self, response):
        say(url=response.url, status=response.status)
        if not response.url.endswith("/a"):
            return
        yield response.request.replace(url=self.url + "/replaced")
        yield response.request.replace(url=self.url + "/private/replaced")
        yield response.request.replace(url=self.url + "/other-body", body="x", method="POST")
        yield scrapy.Request(self.url + "/copied", meta=response.meta, headers={"X-Mine": "1"})
        yield scrapy.Request(self.url + "/private/copied", meta=response.meta)
        yield response.follow("/plain")
        yield SplashRequest(self.url + "/private/rendered")
"""


def test_copied_requests_and_copied_meta_take_no_secret_of_splash_to_the_site(
    wire: Wire, site: Site, tmp_path: Path
) -> None:
    where = wire.url.replace("http://", "http://splash:geheim@")
    text = spider(
        where,
        site,
        f"    SITES = {SITES!r}" + COPYING.replace("SITES}", "self.SITES}"),
        '"ROBOTSTXT_OBEY": True,',
    )
    printed, log = run(text, tmp_path)
    assert {one["url"] for one in printed} == {
        site.url + path for path in ("/a", "/replaced", "/other-body", "/copied", "/plain")
    }
    assert {headers.get("authorization") for headers in wire.headers()} == {SPLASHS}
    assert {headers.get("x-key") for headers in wire.headers()} == {"geheim"}
    assert not any("cookie" in headers for headers in wire.headers())
    assert [args["url"] for args in wire.args()].count(site.url + "/replaced") == 1
    everything = json.dumps(site.asked)
    assert "geheim" not in everything and SPLASHS not in everything
    assert wire.url not in everything
    assert [headers["authorization"] for headers in site.headers_of("/a")] == [SITES]
    assert [headers["cookie"] for headers in site.headers_of("/a")] == ["mine=1"]
    assert [headers["x-mine"] for headers in site.headers_of("/copied")] == ["1"]
    assert not any("/private" in path for path in site.paths)
    assert "geheim" not in log and SPLASHS not in log


def test_each_server_gets_only_its_own_password(site: Site, tmp_path: Path) -> None:
    body = """
    async def start(self):
        for number in range(4):
            yield SplashRequest(f"{self.url}/{number}")
        yield SplashRequest(self.url + "/there", splash_url=self.there)
    def parse(self, response):
        say(url=response.url)
"""
    with wire_to(None) as first, wire_to(None) as second, wire_to(None) as third:
        where = [
            wire.url.replace("http://", f"http://{name}:geheim@")
            for name, wire in (("a", first), ("b", second))
        ]
        text = spider(", ".join(where), site, f"    there = {third.url!r}\n{body}")
        printed, log = run(text, tmp_path)
    assert len(printed) == 5
    for name, wire in (("a", first), ("b", second)):
        own = basic_auth_header(name, "geheim").decode()
        assert [headers.get("authorization") for headers in wire.headers()] == [own, own]
    assert [headers.get("authorization") for headers in third.headers()] == [None]
    assert [args["url"] for args in third.args()] == [site.url + "/there"]
    assert "geheim" not in log and "geheim" not in json.dumps([site.asked, first.args(), second.args()])


HTTP_AUTH = """
    async def start(self):
        yield SplashRequest(self.url + "/a")
        yield SplashRequest(self.url + "/private/b")
    def parse(self, response):
        say(url=response.url)
"""


@pytest.mark.parametrize("domain", ["none", "the site's"])
def test_http_auth_goes_to_its_domain_and_robots_txt_is_obeyed(
    domain: str, stub: Wire, site: Site, tmp_path: Path
) -> None:
    named = None if domain == "none" else site.url.removeprefix("http://")
    settings = f'"ROBOTSTXT_OBEY": True, "HTTPAUTH_USER": "site", "HTTPAUTH_PASS": "secret", "HTTPAUTH_DOMAIN": {named!r},'
    printed, _ = run(spider(stub.url, site, HTTP_AUTH, settings), tmp_path)
    assert [one["url"] for one in printed] == [site.url + "/a"]
    (headers,), (args,) = stub.headers(), stub.args()
    (robots,) = site.headers_of("/robots.txt")
    if domain == "none":  # then the password may be Splash's, as in scrapy-splash
        assert headers["authorization"] == SITES
        assert "Authorization" not in args["headers"]
        assert "authorization" not in robots
    else:
        assert "authorization" not in headers
        assert args["headers"]["Authorization"] == SITES


SPIDERS_OWN = (
    """
    http_user, http_pass, http_auth_domain = "splash", "geheim", None
"""
    + HTTP_AUTH
)


def test_a_spider_with_http_user_obeys_robots_txt(stub: Wire, site: Site, tmp_path: Path) -> None:
    printed, _ = run(spider(stub.url, site, SPIDERS_OWN, '"ROBOTSTXT_OBEY": True,'), tmp_path)
    assert [one["url"] for one in printed] == [site.url + "/a"]
    assert stub.headers()[0]["authorization"] == SPLASHS
    assert SPLASHS not in json.dumps([site.asked, stub.args()])


def test_a_redirect_of_the_renderer_is_not_followed(stub: Wire, site: Site, tmp_path: Path) -> None:
    stub.answer(307, {}, Location=site.url + "/caught")
    body = """
    async def start(self):
        yield SplashRequest(self.url + "/a", splash_headers={"X-Key": "geheim"})
    def parse(self, response):
        say(url=response.url)
"""
    run(spider(stub.url, site, body, '"SPLASH_USER": "splash", "SPLASH_PASS": "geheim",'), tmp_path)
    assert site.asked == []


def test_an_unprocessed_response_sends_no_referer_with_the_url_of_splash(
    stub: Wire, site: Site, tmp_path: Path
) -> None:
    body = """
    async def start(self):
        yield SplashRequest(self.url + "/a", dont_process_response=True)
    def parse(self, response):
        say(kind=type(response).__name__)
        yield scrapy.Request(self.url + "/next", self.parse_next)
    def parse_next(self, response):
        say(referer=response.request.headers.get("Referer", b"none").decode())
"""
    printed, _ = run(spider(stub.url, site, body), tmp_path)
    assert printed == [{"kind": "JsonResponse"}, {"referer": "none"}]
    assert "referer" not in site.headers_of("/next")[0]
