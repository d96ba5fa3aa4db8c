"""Who may see which user name and password: the renderer's are not the site's."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from scrapy import Request, Spider
from scrapy.settings import BaseSettings
from scrapy.utils.url import url_is_from_any_domain
from w3lib.http import basic_auth_header


class HttpAuth(NamedTuple):
    """What Scrapy's HttpAuthMiddleware puts into a request that has no Authorization header."""

    header: bytes
    domain: str | None


def without_userinfo(url: str) -> tuple[str, bytes | None]:
    """``http://user:password@host/`` without its credentials, which would be logged with it, and their header."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), basic_auth_header(unquote(user), unquote(password))


def http_auth(request: Request, spider: Spider | None, settings: BaseSettings) -> HttpAuth | None:
    """The credentials that HttpAuthMiddleware has for a request: the request's, the spider's, the settings'."""
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
    """Whether a rendered page's site may see these credentials: only if their domain names it, and not Splash too.

    Without a domain they may well be Splash's, since that is what ``http_user`` was for in scrapy-splash.
    """
    if not auth.domain:
        return False
    without_port = f"http://{urlsplit(splash).hostname}/"  # Scrapy compares domains with their ports
    return url_is_from_any_domain(site, [auth.domain]) and not any(
        url_is_from_any_domain(url, [auth.domain]) for url in (splash, without_port)
    )
