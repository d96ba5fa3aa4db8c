"""Spiders that only have ``start_requests``: Scrapy no longer calls it, and they would crawl nothing, in silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import scrapy


def give_start(spider: scrapy.Spider | None) -> None:
    """Let ``start()`` yield what ``start_requests()`` does, in a spider that has the one and not the other."""
    if (
        spider is None
        or not hasattr(spider, "start_requests")
        or type(spider).start is not scrapy.Spider.start
    ):
        return

    async def start() -> AsyncIterator[Any]:
        for request in spider.start_requests() or ():
            yield request

    spider.start = start  # type: ignore[method-assign]
