"""The output of a callback on its way to the engine: each item and request is noted on its page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from scrapy import Request

from crawler.download.link_schemes import mark_found
from crawler.meta_keys import FOUND_ON, REQUEST_NUMBER
from crawler.page.item_page import note_item
from crawler.page.page import Page


async def through(
    page: Page, output: AsyncIterator[Any], check: Callable[[Request], None] | None = None
) -> AsyncIterator[Any]:
    """Yield the output, and close the page at its end. ``check`` refuses a request by an exception."""
    async for one in noted(page, output, check):
        yield one
    page.exhausted()


async def noted(
    page: Page, output: AsyncIterator[Any], check: Callable[[Request], None] | None = None
) -> AsyncIterator[Any]:
    """Yield the output, and leave the page open."""
    async for one in output:
        if isinstance(one, Request):
            if page.number is not None:
                mark_found(one)
            if check is not None:
                check(one)
            one = marked(one, page)
        elif one is not None:
            note_item(one, page)
        yield one


def marked(request: Request, page: Page) -> Request:
    """Return the request, marked as found on this page. A copy of another request loses that one's number."""
    if REQUEST_NUMBER.is_in(request):
        request = request.copy()  # it may be the very request that the page came from
        REQUEST_NUMBER.pop(request)
    FOUND_ON.set(request, page)
    page.begun()
    return request
