"""Whether credentials go to the renderer or to the site."""

from __future__ import annotations

import pytest
import scrapy
from scrapy import Request
from scrapy.settings import Settings
from w3lib.http import basic_auth_header

from crawler.security.url_credentials import without_userinfo
from crawler.splash.http_auth import HttpAuth, http_auth, is_for_the_site

HEADER = basic_auth_header("u", "p")
SITE, SPLASH = "http://www.site.example/page", "http://splash.example:8050/"


@pytest.mark.parametrize(
    ("url", "clean", "header"),
    [
        (SPLASH, SPLASH, None),
        ("http://u:p@splash.example:8050/x", "http://splash.example:8050/x", HEADER),
        ("http://u:p%40@[::1]:8050", "http://[::1]:8050", basic_auth_header("u", "p@")),
    ],
)
def test_a_password_in_the_renderers_url_becomes_a_header(url: str, clean: str, header: bytes | None) -> None:
    assert without_userinfo(url) == (clean, header)


@pytest.mark.parametrize(
    ("domain", "for_the_site"),
    [(None, False), ("splash.example", False), ("site.example", True), ("example", False)],
)
def test_a_site_gets_credentials_only_if_their_domain_names_it(
    domain: str | None, for_the_site: bool
) -> None:
    assert is_for_the_site(HttpAuth(HEADER, domain), site=SITE, splash=SPLASH) is for_the_site


class Authorized(scrapy.Spider):
    name = "authorized"
    http_user, http_pass, http_auth_domain = "u", "p", "a.example"


class Plain(scrapy.Spider):
    name = "plain"


NAMED = {"HTTPAUTH_USER": "u", "HTTPAUTH_PASS": "p", "HTTPAUTH_DOMAIN": "b.example"}


def test_credentials_of_the_request_come_before_those_of_spider_and_settings() -> None:
    request = Request(SITE, meta={"http_user": "u", "http_pass": "p", "http_auth_domain": "c.example"})
    assert http_auth(request, Authorized(), Settings(NAMED)) == (HEADER, "c.example")
    assert http_auth(Request(SITE), Authorized(), Settings(NAMED)) == (HEADER, "a.example")
    assert http_auth(Request(SITE), Plain(), Settings(NAMED)) == (HEADER, "b.example")
    assert http_auth(Request(SITE), Plain(), Settings()) is None
