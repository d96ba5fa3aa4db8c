"""Spiders that only have ``start_requests``: Scrapy no longer calls it, and they would crawl nothing, in silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Spider


def give_start(spider: Spider | None) -> None:
    """Let ``start()`` yield what ``start_requests()`` does, unless ``start`` is the spider's newer word."""
    if spider is None or "start" in vars(spider) or not _start_requests_is_newer(type(spider)):
        return
    start_requests: Any = getattr(spider, "start_requests")  # noqa: B009 - Spider does not have it

    async def start() -> AsyncIterator[Any]:
        requests = start_requests()
        if hasattr(requests, "__aiter__"):
            async for request in requests:
                yield request
        else:
            for request in requests:
                yield request

    spider.start = start  # type: ignore[method-assign]


def _start_requests_is_newer(spider: type[Spider]) -> bool:
    """Which of the two the most derived class has that has one; ``start`` where it has both."""
    for cls in spider.__mro__:
        if "start" in vars(cls):
            return False
        if "start_requests" in vars(cls):
            return True
    return False
