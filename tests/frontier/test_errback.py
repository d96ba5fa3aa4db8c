"""The errback that stands in for a request's own: which state its page gets, and what the spider's errback may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider, IgnoreRequest, ResponseDataLossError
from scrapy.http import HtmlResponse
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from crawler.meta_keys import FOUND_ON, MAKES_SESSION
from crawler.page.commit import Commit
from crawler.page.completeness import CUT_OFF
from crawler.page.page import Page
from frontier.errback import Errback, note_failure

LOGIN = ": the site's answer to the login (log_in): check the name and the password"


class ShopSpider(Spider):
    name = "shop"

    def parse_other(self, response: Any) -> None: ...


def page_and_commits() -> tuple[Page, list[Commit]]:
    commits: list[Commit] = []
    return Page(7, "http://shop/7", commits.append), commits


def http_error(status: int, *, is_login: bool = False) -> HttpError:
    request = Request("http://shop/7")
    if is_login:
        MAKES_SESSION.set(request, True)
    return HttpError(HtmlResponse("http://shop/7", status=status, request=request))


def call(errback: Callable[..., Any] | None, page: Page, error: Exception) -> list[Any]:
    """Return what the errback yields."""

    async def collect() -> list[Any]:
        output = Errback(errback, page, ShopSpider())(Failure(error))
        return [one async for one in output]

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("error", "failed", "skipped"),
    [
        (http_error(404), None, "HTTP 404"),
        (http_error(410), None, "HTTP 410"),
        (http_error(500), "HTTP 500", None),
        (http_error(401), "HTTP 401", None),
        (http_error(401, is_login=True), f"HTTP 401{LOGIN}", None),
        (http_error(500, is_login=True), "HTTP 500", None),
        (IgnoreRequest(), None, "not requested: a middleware said so"),
        (IgnoreRequest("robots.txt"), None, "not requested: robots.txt"),
        (ResponseDataLossError(), f"ResponseDataLossError: {CUT_OFF}", None),
        (TimeoutError("60 s"), "TimeoutError: 60 s", None),
    ],
)
def test_an_error_fails_or_skips_its_page(error: Exception, failed: str | None, skipped: str | None) -> None:
    page, _ = page_and_commits()
    note_failure(page, error)
    assert (page.error, page.skipped) == (failed, skipped)


def test_a_request_without_an_errback_closes_its_page() -> None:
    page, commits = page_and_commits()
    failure = Failure(TimeoutError("60 s"))
    assert Errback(None, page, ShopSpider())(failure) is failure
    assert page.closed and commits[0].settled is not None and commits[0].settled.state == "failed"


def test_a_request_that_the_errback_yields_is_found_on_its_page() -> None:
    page, commits = page_and_commits()
    spider = ShopSpider()

    def errback(failure: Failure) -> Iterator[Request]:
        yield Request("http://shop/other", spider.parse_other)

    async def collect() -> list[Any]:
        return [one async for one in Errback(errback, page, spider)(Failure(TimeoutError()))]

    [request] = asyncio.run(collect())
    assert FOUND_ON.get(request) is page
    assert not commits  # the request is still on its way to the scheduler
    page.ended()
    assert commits[0].settled is not None


def test_an_errback_that_raises_closes_its_page_and_the_first_reason_stays() -> None:
    page, commits = page_and_commits()

    def errback(failure: Failure) -> None:
        raise RuntimeError("of the spider")

    with pytest.raises(RuntimeError):
        call(errback, page, http_error(500))
    assert commits[0].settled is not None and commits[0].settled.error == "HTTP 500"


def test_an_errback_that_ends_the_crawl_closes_its_page() -> None:
    page, commits = page_and_commits()

    def errback(failure: Failure) -> None:
        raise CloseSpider("enough")

    with pytest.raises(CloseSpider):
        call(errback, page, http_error(404))
    assert commits[0].settled is not None and commits[0].settled.state == "skipped"
