"""What the error says about an element that is not on a page within its limit."""

from __future__ import annotations

from typing import ClassVar

import pytest
from scrapy.http import HtmlResponse

from crawler.splash.rendered_pages import NeverAppeared, failure_of

PAGE = """<html><body><ul><li class="row">1</li></ul><template><b>2</b></template><noscript><i>3</i></noscript>
<div><template shadowrootmode="open"><u>4</u></template></div></body></html>"""


class RenderedPage(HtmlResponse):
    """The page of a render whose wait for its element ended at the limit."""

    data: ClassVar = {"appeared": False}


def reason(wait_for: str) -> str:
    page = RenderedPage("http://a.example/", body=PAGE.encode())
    failure = failure_of(page, url=page.url, wait_for=wait_for, timeout=10.0)
    assert isinstance(failure, NeverAppeared)
    return failure.reason


@pytest.mark.parametrize(
    "wait_for", ["//li[@class='row']", "li.row", "//li/@class", "(count(//li) = 1)", "u"]
)
def test_an_element_that_came_after_the_limit_asks_for_a_higher_limit(wait_for: str) -> None:
    assert reason(wait_for) == (
        f"{wait_for!r} never appeared (waited 10 s): it came after the limit: raise wait_timeout of the spider (or "
        "timeout= of the call)"
    )


@pytest.mark.parametrize(
    "wait_for",
    ["//li[@class='no']", "li.no", "(count(//li) > 1)", "b", "//i", "li:has(> b)", "li:unknown(1)"],
)
def test_an_element_that_a_browser_does_not_find_is_missing(wait_for: str) -> None:
    assert reason(wait_for) == (
        f"{wait_for!r} never appeared (waited 10 s): it is not on the page within wait_timeout of the spider (or "
        "timeout= of the call)"
    )
