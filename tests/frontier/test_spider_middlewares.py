"""What the spider middlewares do with a response whose callback has ended."""

from __future__ import annotations

import gc
import weakref

import pytest
from scrapy.http import HtmlResponse, Response

from frontier.spider_middlewares import part_from_selector


def html() -> HtmlResponse:
    return HtmlResponse("http://shop/", body=b"<p>1</p><p>2</p>", encoding="utf-8")


def test_a_response_is_freed_without_the_garbage_collector() -> None:
    response = html()
    assert response.xpath("//p/text()").getall() == ["1", "2"]
    gone = weakref.ref(response)
    gc.disable()
    try:
        part_from_selector(response)
        del response
        assert gone() is None
    finally:
        gc.enable()


def test_a_callback_of_a_later_page_reads_the_response_as_the_first_callback_left_it() -> None:
    response = html()
    response.xpath("//p")[0].drop()
    part_from_selector(response)
    assert response.xpath("//p/text()").getall() == ["2"]


@pytest.mark.parametrize("response", [Response("http://shop/", body=b"x"), html()])
def test_a_response_without_a_selector_gets_none(response: Response) -> None:
    part_from_selector(response)
    assert getattr(response, "_cached_selector", None) is None
