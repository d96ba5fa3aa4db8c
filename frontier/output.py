"""What a callback yields, on its way to the engine: each thing is noted on its page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from scrapy import Request

from crawler import log_ids
from crawler.page import Page
from crawler.page_items import note_item

NUMBER = log_ids.NUMBER
PAGE = "frontier_page"  # in Request.meta, from the spider to the scheduler: the page that it was found on


async def through(
    page: Page, output: AsyncIterator[Any], check: Callable[[Request], None] | None = None
) -> AsyncIterator[Any]:
    """The output, as it is; when it ends its page is told so. ``check`` may refuse a request by raising."""
    async for one in output:
        if isinstance(one, Request):
            if check is not None:
                check(one)
            one = marked(one, page)
        elif one is not None:
            note_item(one, page)
        yield one
    page.exhausted()


def marked(request: Request, page: Page) -> Request:
    """The request, found on this page. One that was copied from another request is none of that one's business."""
    if NUMBER in request.meta:
        request = request.copy()  # it may be the very request that the page came from
        del request.meta[NUMBER]
    request.meta[PAGE] = page
    page.begun()
    return request
