"""How a crawl that cannot do its work ends: with one line that says why, and an exit code that is not 0."""

from __future__ import annotations

import asyncio
import logging
from weakref import WeakSet

from scrapy.core.engine import ExecutionEngine
from scrapy.crawler import Crawler
from scrapy.utils.asyncio import is_asyncio_available
from scrapy.utils.defer import deferred_from_coro

from crawler.run.verdict import ALREADY_RUNNING, CANNOT_START, GOOD
from crawler.stat_names import STOPPED_BECAUSE

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """The crawl cannot start; the message says what to change, in one line."""

    exit_code = CANNOT_START


class NothingToDo(CannotStart):
    """The crawl has no page to make; the message says why."""

    exit_code = GOOD


class AlreadyRunning(CannotStart):
    """Another process owns the run; the message names the process."""

    exit_code = ALREADY_RUNNING


# The crawls that join a shared run now, or have joined it: from then on they leave it in order.
_joining: WeakSet[Crawler] = WeakSet()


def note_joining(crawler: Crawler) -> None:
    """Note that the crawl joins a shared run from now on."""
    _joining.add(crawler)


def has_joined(crawler: Crawler) -> bool:
    """Return whether the crawl joins a shared run, or has joined it."""
    return crawler in _joining


def stop_crawl(crawler: Crawler, reason: str, message: str) -> None:
    """Start no more pages, wait for the items in the pipelines, and close the spider. Only the first call counts.

    Args:
        reason: the finish reason, a word.
        message: why the crawl stops: the line for the log and the reason of the verdict.
    """
    assert crawler.stats is not None
    if crawler.stats.get_value(STOPPED_BECAUSE) is not None:
        return
    crawler.stats.set_value(STOPPED_BECAUSE, message)
    logger.error("%s; the crawl stops", message)
    close_crawl(crawler, reason)


def close_crawl(crawler: Crawler, reason: str) -> None:
    """Start no more pages, wait for the items in the pipelines, and close the spider with this finish reason."""
    if crawler.engine is not None and is_asyncio_available():
        deferred_from_coro(_close(crawler.engine, reason))


async def _close(engine: ExecutionEngine, reason: str) -> None:
    """Close the spider when the pipelines are empty, or after 5 s: Scrapy waits for ever for an item of start()."""
    engine.pause()
    for _ in range(250):
        if engine.scraper.slot is None or not engine.scraper.slot.itemproc_size:
            break
        await asyncio.sleep(0.02)
    if engine.spider is not None:
        await engine.close_spider_async(reason=reason)


def stopped_because(crawler: Crawler) -> str | None:
    """Return the message of ``stop_crawl``, or None if it was not called."""
    message: str | None = crawler.stats.get_value(STOPPED_BECAUSE) if crawler.stats else None
    return message
