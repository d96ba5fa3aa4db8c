"""Limits the schemes of links: the site chooses its links, and a link to ``file:`` would read this machine's files.

Requests of a spider's ``start()`` may have any scheme that Scrapy can download. All other requests (found on a page,
made by the images and files pipelines, or by a redirect) may only have a scheme of LINK_SCHEMES.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from crawler.meta_keys import FROM_START
from crawler.run.extension import RunExtension
from crawler.splash.request_mapping import rendered_url

REFUSED = "not requested: a link may not lead to "  # the beginning of the reason that the frontier stores
HTTP = ("http", "https")
REDIRECTS = (301, 302, 303, 307, 308)


class RedirectRefused(IgnoreRequest):
    """A page redirects to a URL whose scheme is not in LINK_SCHEMES."""


def mark_start(request: Request) -> None:
    """Mark a request of ``start()``: the spider chose its scheme."""
    if any(scheme not in HTTP for scheme in schemes_of(request)):
        FROM_START.set(request, True)


def mark_found(request: Request) -> None:
    """Remove the mark from a request that was found on a page: it may be a copy of the page's request."""
    FROM_START.pop(request)


def schemes_of(request: Request) -> list[str]:
    """Return the schemes of a request's URL and of the URL that a renderer loads for it."""
    rendered = rendered_url(request)
    return [scheme_of(url) for url in ([request.url] if rendered is None else [request.url, rendered])]


def scheme_of(url: str) -> str:
    """Return a URL's scheme in lower case, also of a URL that cannot be parsed."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return url.partition(":")[0].strip().lower()


def refused_scheme(request: Request, allowed: Collection[str]) -> str | None:
    """Return the scheme for which a request is refused; None if the request may be sent."""
    if FROM_START.get(request):
        return None
    return next((scheme for scheme in schemes_of(request) if scheme not in allowed), None)


def refused_redirect(request: Request, response: Response, allowed: Collection[str]) -> str | None:
    """Return the scheme of a redirect that is not allowed; None for others, and if the spider handles the redirect."""
    meta = request.meta
    if response.status not in REDIRECTS or meta.get("dont_redirect") or meta.get("handle_httpstatus_all"):
        return None
    if response.status in meta.get("handle_httpstatus_list", ()):
        return None
    location = (response.headers.get("Location") or b"").decode("latin-1").strip()
    scheme = scheme_of(location)
    return scheme if scheme and scheme not in allowed else None


class LinkSchemesMiddleware:
    """Refuses requests and redirects by their scheme. The frontier stores the reason, and the verdict counts them."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        names = crawler.settings.getlist("LINK_SCHEMES", list(HTTP))
        self.allowed = frozenset(name.strip().lower().rstrip(":") for name in names)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Raise IgnoreRequest to refuse a request, but not in ``scrapy shell`` and ``fetch``: users type their URL."""
        scheme = refused_scheme(request, self.allowed)
        if scheme is None or RunExtension.of(self.crawler) is None:
            return
        assert self.crawler.stats is not None
        self.crawler.stats.inc_value(f"link_schemes/refused/{scheme}")
        # The frontier adds "not requested: ".
        raise IgnoreRequest(f"{REFUSED.removeprefix('not requested: ')}{scheme}: (LINK_SCHEMES)")

    def process_response(self, request: Request, response: Response) -> Response:
        """Refuse a redirect by raising RedirectRefused, which names the scheme."""
        if response.status in getattr(self.crawler.spider, "handle_httpstatus_list", ()):
            return response
        scheme = refused_redirect(request, response, self.allowed)
        if scheme is not None:
            raise RedirectRefused(
                f"HTTP {response.status}, a redirect to {scheme}:, which is not in LINK_SCHEMES"
            )
        return response
