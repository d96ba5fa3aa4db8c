"""Decides whether a user name and a password are for the renderer or for the site."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.settings import BaseSettings
from scrapy.utils.url import url_is_from_any_domain
from w3lib.http import basic_auth_header


class HttpAuth(NamedTuple):
    """The credentials that Scrapy's HttpAuthMiddleware adds to a request without an Authorization header."""

    header: bytes
    domain: str | None


def http_auth(request: Request, spider: Spider | None, settings: BaseSettings) -> HttpAuth | None:
    """Return HttpAuthMiddleware's credentials for a request: the request's own, the spider's or the settings'."""
    for user, password, domain in (
        (
            request.meta.get("http_user"),
            request.meta.get("http_pass"),
            request.meta.get("http_auth_domain"),
        ),
        (
            getattr(spider, "http_user", ""),
            getattr(spider, "http_pass", ""),
            getattr(spider, "http_auth_domain", None),
        ),
        (settings.get("HTTPAUTH_USER"), settings.get("HTTPAUTH_PASS"), settings.get("HTTPAUTH_DOMAIN")),
    ):
        if user or password:
            return HttpAuth(basic_auth_header(user or "", password or ""), domain)
    return None


def is_for_the_site(auth: HttpAuth, *, site: str, splash: str) -> bool:
    """Return whether the site of a rendered page may get these credentials: their domain names it, and not Splash.

    Without a domain they may be Splash's: scrapy-splash used ``http_user`` for Splash.
    """
    if not auth.domain:
        return False
    without_port = f"http://{urlsplit(splash).hostname}/"  # Scrapy compares domains with their ports
    return url_is_from_any_domain(site, [auth.domain]) and not any(
        url_is_from_any_domain(url, [auth.domain]) for url in (splash, without_port)
    )
