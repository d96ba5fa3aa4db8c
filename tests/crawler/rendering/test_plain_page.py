"""Which responses to plain requests may stand for a rendered page."""

from __future__ import annotations

import pytest
from scrapy.http import HtmlResponse, Response, XmlResponse

from crawler.page.completeness import CUT
from crawler.rendering.plain_page import plain_page

PAGE = b"<html><body><p class=a>text</p></body></html>"


def page(body: bytes = PAGE, **response: object) -> Response:
    return HtmlResponse("https://a.example", body=body, encoding="utf-8", **response)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wait_for", "found"),
    [(None, True), ("p.a", True), ("//p", True), ("p.b", False), ("//[", False), ("p:::", False)],
)
def test_the_element_is_looked_for_in_the_body(wait_for: str | None, found: bool) -> None:
    answer = plain_page(page(), wait_for)
    assert answer.response is not None
    assert answer.has_element is found


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (page(status=403), "HTTP 403"),
        (page(status=204), "HTTP 204"),
        (page(flags=[CUT, "why"]), "it was cut off"),
        (
            page(b"<html><body><script>window._cf_chl_opt={}</script></body></html>"),
            "challenge page of Cloudflare",
        ),
        (page(b"<html><body><p>"), "its HTML has no end"),
        (Response("https://a.example", body=b"{}"), "it is not HTML"),
        (XmlResponse("https://a.example", body=b"<a/>"), "it is not HTML"),
    ],
)
def test_other_responses_are_no_pages(response: Response, problem: str) -> None:
    answer = plain_page(response, "p")
    assert (answer.response, answer.problem) == (None, problem)
