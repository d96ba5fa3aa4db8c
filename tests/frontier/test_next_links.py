"""The look at a page's next link never fails a page that its callback has read."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse

from crawler.page.page import Page
from frontier.next_links import ListRequests

URL = "http://shop.example/list?page=1"
LAST = "http://shop.example/list?page=9"


def next_left(html: str) -> str | None:
    """Return the remark of a list page whose callback requests only the last page of the list."""

    def parse(_: Any) -> None: ...

    page = Page(1, URL, lambda _: None)
    response = HtmlResponse(URL, body=html, encoding="utf-8", request=Request(URL, callback=parse))
    requests = ListRequests(page, response, None)
    requests.add(Request(LAST, callback=parse))
    requests.end()
    return page.next_left


def test_a_next_link_that_was_not_requested_is_noted() -> None:
    assert next_left("<a href='?page=2'>Next</a>") == "http://shop.example/list?page=2"


@pytest.mark.parametrize(
    "html",
    [
        "<base href='http://[x'><a href='?page=2'>Next</a>",
        "<a href='http://[::1'>Next</a>",
        "<a rel=next href='http://shop.example:99999999/'>Next</a>",
        "<a rel=next href='http://%zz/'>Next</a>",
        "",
    ],
)
def test_a_link_that_is_no_url_fails_no_page(html: str) -> None:
    assert next_left(html) is None
