"""Ending a crawl that cannot do its work, with one line that says why and an exit code that is not 0."""

from __future__ import annotations

import asyncio
import logging

from scrapy.core.engine import ExecutionEngine
from scrapy.crawler import Crawler
from scrapy.utils.asyncio import is_asyncio_available
from scrapy.utils.defer import deferred_from_coro

from crawler.verdict import ALREADY_RUNNING, CANNOT_START

logger = logging.getLogger(__name__)

STOPPED = "crawl/stopped_because"


class CannotStart(Exception):
    """The crawl cannot begin until someone changes something; the message says what, in one line."""

    exit_code = CANNOT_START


class AlreadyRunning(CannotStart):
    """Another process is at this crawl; the message says which."""

    exit_code = ALREADY_RUNNING


def stop_crawl(crawler: Crawler, reason: str, message: str) -> None:
    """Take no more pages, let what is under way finish, and remember why. Only the first call counts.

    ``reason`` is the finish reason (a word), ``message`` the line for the log.
    """
    assert crawler.stats is not None
    if crawler.stats.get_value(STOPPED) is not None:
        return
    crawler.stats.set_value(STOPPED, message)
    logger.error("%s; the crawl stops", message)
    if crawler.engine is not None and is_asyncio_available():
        deferred_from_coro(_close(crawler.engine, reason))


async def _close(engine: ExecutionEngine, reason: str) -> None:
    """Close when the items under way are through: Scrapy waits for ever for one that start() yielded."""
    engine.pause()
    for _ in range(250):
        if engine.scraper.slot is None or not engine.scraper.slot.itemproc_size:
            break
        await asyncio.sleep(0.02)
    if engine.spider is not None:
        await engine.close_spider_async(reason=reason)


def stopped_because(crawler: Crawler) -> str | None:
    """The message of ``stop_crawl``, where it was called."""
    message: str | None = crawler.stats.get_value(STOPPED) if crawler.stats else None
    return message
