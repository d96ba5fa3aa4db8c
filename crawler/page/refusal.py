"""Whether a site refused a page: HTTP 402, 403, or a challenge page. A retry would not help, and is not polite."""

from __future__ import annotations

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError, HttpErrorMiddleware

from crawler.meta_keys import REQUEST_NUMBER
from crawler.page.challenges import challenge_of

# 401 is none of them: it asks for credentials, which the spider lacks or has wrong.
REFUSED_STATUSES = (402, 403)


class RefusedBySite(HttpError):
    """The site refused the page. ``refusal`` says how: "HTTP 403", "HTTP 503, challenge page of Cloudflare"."""

    def __init__(self, response: Response, refusal: str) -> None:
        super().__init__(response, f"{response.url}: refused by the site: {refusal}")
        self.refusal = refusal


def refusal_of(request: Request, response: Response, crawler: Crawler) -> str | None:
    """Return how the site refused the page of this request; None if it did not.

    Only requests of the frontier are refused: what a callback, a media pipeline or robots.txt downloads by itself comes
    back as it is. So does a response with a status that the spider handles: ``handle_httpstatus_list``,
    ``handle_httpstatus_all``, HTTPERROR_ALLOWED_CODES, HTTPERROR_ALLOW_ALL.
    """
    if not REQUEST_NUMBER.is_in(request) or not is_of_site(response):
        return None
    status = response.status
    challenge = challenge_of(status, site_headers(response), response.body)
    if challenge is None and status not in REFUSED_STATUSES:
        return None
    if _is_handled(request, response, crawler):
        return None
    return f"HTTP {status}" if challenge is None else f"HTTP {status}, challenge page of {challenge}"


def site_headers(response: Response) -> dict[str, bytes]:
    """Return the site's headers, by names in lower case; none if the response has only those of the renderer."""
    if _is_rendered(response):
        data = getattr(response, "data", None)
        if not isinstance(data, dict) or not data.get("headers"):
            return {}
    return {
        name.decode("latin-1").lower(): value
        for name in response.headers
        if (value := response.headers.get(name)) is not None
    }


def _is_rendered(response: Response) -> bool:
    return getattr(response, "splash_response_status", None) is not None


def is_of_site(response: Response) -> bool:
    """Return whether status and body are the site's, and not those of an error of the renderer."""
    return not _is_rendered(response) or getattr(response, "splash_response_status", 200) < 400


def _is_handled(request: Request, response: Response, crawler: Crawler) -> bool:
    """Return whether the spider asks for responses with this status, which is no success."""
    if 200 <= response.status < 300:
        return False
    response.request = response.request or request
    try:
        HttpErrorMiddleware.from_crawler(crawler).process_spider_input(response)
    except HttpError:
        return False
    return True
