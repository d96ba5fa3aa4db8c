"""Whether the response to a plain request may stand for a rendered page."""

from __future__ import annotations

from dataclasses import dataclass

from scrapy.http import HtmlResponse, Response

from crawler.page.challenges import challenge_of
from crawler.page.completeness import CUT, LOOK, lacks_end
from crawler.page.element import has_element
from crawler.page.refusal import site_headers

NO_ELEMENT = "wait_for is not in the plain page"


@dataclass(frozen=True, kw_only=True)
class PlainPage:
    """The result of a plain request for a page of ``render()``.

    Attributes:
        response: the page, if it is a complete HTML page of the site.
        has_element: whether the element of ``wait_for`` is in it.
        problem: why there is no page. This teaches nothing: the site may refuse, or be slow today.
    """

    response: HtmlResponse | None = None
    has_element: bool = False
    problem: str = ""


def plain_page(response: Response, wait_for: str | None) -> PlainPage:
    """Return the page of a response, or why the response is none."""
    if response.status != 200:
        return PlainPage(problem=f"HTTP {response.status}")
    if CUT in response.flags:
        return PlainPage(problem="it was cut off")
    if not isinstance(response, HtmlResponse):
        return PlainPage(problem="it is not HTML")
    product = challenge_of(response.status, site_headers(response), response.body)
    if product is not None:
        return PlainPage(problem=f"challenge page of {product}")
    if lacks_end(response.body[:LOOK], response.body[-LOOK:]) and b"Content-Length" not in response.headers:
        return PlainPage(problem="its HTML has no end")
    try:
        found = wait_for is None or has_element(response, wait_for)
    except ValueError:
        found = False
    return PlainPage(response=response, has_element=found)
