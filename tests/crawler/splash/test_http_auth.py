"""Who may see which credentials."""

from __future__ import annotations

import pytest
import scrapy
from scrapy import Request
from scrapy.settings import Settings
from w3lib.http import basic_auth_header

from crawler.splash.credentials import HttpAuth, http_auth, is_for_the_site, without_userinfo

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
def test_a_password_in_the_renderers_url_is_a_header(url: str, clean: str, header: bytes | None) -> None:
    assert without_userinfo(url) == (clean, header)


@pytest.mark.parametrize(
    ("domain", "for_the_site"),
    [(None, False), ("splash.example", False), ("site.example", True), ("example", False)],
)
def test_credentials_are_the_sites_only_if_their_domain_says_so(
    domain: str | None, for_the_site: bool
) -> None:
    assert is_for_the_site(HttpAuth(HEADER, domain), site=SITE, splash=SPLASH) is for_the_site


class Authorized(scrapy.Spider):
    name = "authorized"
    http_user, http_pass, http_auth_domain = "u", "p", "a.example"


class Plain(scrapy.Spider):
    name = "plain"


NAMED = {"HTTPAUTH_USER": "u", "HTTPAUTH_PASS": "p", "HTTPAUTH_DOMAIN": "b.example"}


def test_the_request_goes_before_the_spider_and_the_spider_before_the_settings() -> None:
    request = Request(SITE, meta={"http_user": "u", "http_pass": "p", "http_auth_domain": "c.example"})
    assert http_auth(request, Authorized(), Settings(NAMED)) == (HEADER, "c.example")
    assert http_auth(Request(SITE), Authorized(), Settings(NAMED)) == (HEADER, "a.example")
    assert http_auth(Request(SITE), Plain(), Settings(NAMED)) == (HEADER, "b.example")
    assert http_auth(Request(SITE), Plain(), Settings()) is None
