"""Support for spiders that have only ``start_requests``. Scrapy no longer calls it, so they would crawl nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Spider


def add_start(spider: Spider | None) -> None:
    """Make ``start()`` yield the requests of ``start_requests()``, unless a more derived class has ``start``."""
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
    """Return whether ``start_requests`` is defined in a more derived class than ``start``."""
    for cls in spider.__mro__:
        if "start" in vars(cls):
            return False
        if "start_requests" in vars(cls):
            return True
    return False
