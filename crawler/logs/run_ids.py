"""Which run, and which of its requests, a log line belongs to."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

from scrapy import Request

from models.run import HeldRun

NUMBER = "frontier"  # in Request.meta: the request's number in the frontier, while it is on its way

# A crawl is an asyncio task, and Scrapy makes one for every download and for every callback with its items; each has
# what was set before it was made. Reading a variable costs nothing, and only lines that are written do it.
current_run: ContextVar[HeldRun | None] = ContextVar("current_run", default=None)
current_request: ContextVar[int | None] = ContextVar("current_request", default=None)


def ids_of(record: logging.LogRecord) -> dict[str, Any]:
    """``run``, ``spider`` and ``request`` of a line, as far as it belongs to any."""
    run = current_run.get()
    spider = getattr(getattr(record, "spider", None), "name", None) or (run.spider if run else None)
    ids = {"run": run.id if run else None, "spider": spider, "request": _request_of(record)}
    return {name: value for name, value in ids.items() if value is not None}


def _request_of(record: logging.LogRecord) -> int | None:
    # Scrapy writes some lines about a request from where it handles them all.
    named = record.args.get("request") if isinstance(record.args, dict) else None
    number: int | None = named.meta.get(NUMBER) if isinstance(named, Request) else None
    return number if number is not None else current_request.get()
