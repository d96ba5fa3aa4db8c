"""The run and the request that a log line belongs to."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

from scrapy import Request

from crawler.meta_keys import REQUEST_NUMBER
from models.run import ClaimedRun

# A crawl is an asyncio task, and Scrapy makes a task for each download and for each callback with its items. A task has
# the values that were set before it was made. Only lines that are written read the variables.
current_run: ContextVar[ClaimedRun | None] = ContextVar("current_run", default=None)
current_request: ContextVar[int | None] = ContextVar("current_request", default=None)


def ids_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return ``run``, ``spider`` and ``request`` of a log line, those that it belongs to."""
    run = current_run.get()
    spider = getattr(getattr(record, "spider", None), "name", None) or (run.spider if run else None)
    ids = {"run": run.id if run else None, "spider": spider, "request": _request_of(record)}
    return {name: value for name, value in ids.items() if value is not None}


def _request_of(record: logging.LogRecord) -> int | None:
    # Scrapy logs some lines about a request outside the request's task.
    named = record.args.get("request") if isinstance(record.args, dict) else None
    number: int | None = REQUEST_NUMBER.get(named) if isinstance(named, Request) else None
    return number if number is not None else current_request.get()
