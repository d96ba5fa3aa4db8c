"""What the scheduler needs from Scrapy's engine and the engine does not publish."""

from __future__ import annotations

from collections.abc import Callable

from scrapy import Request
from scrapy.crawler import Crawler
from twisted.python.failure import Failure


class TakenBack(Exception):
    """The request was in Scrapy's download queue, and may not be made now. It goes back to the frontier."""


def take_back_queued(crawler: Crawler, choose: Callable[[Request], bool], reason: str) -> None:
    """Take the requests that ``choose`` returns True for out of the download queues, where they wait for a delay.

    The downloader middlewares get TakenBack with the reason as their exception.
    """
    if crawler.engine is None:
        return
    for slot in crawler.engine.downloader.slots.values():
        chosen = [entry for entry in slot.queue if choose(entry[0])]
        for entry in chosen:
            slot.queue.remove(entry)
            entry[1].errback(Failure(TakenBack(reason)))  # type: ignore[no-untyped-call]


def wake_engine(crawler: Crawler) -> None:
    """Make the engine ask the scheduler for requests again. Do nothing before the engine has started."""
    slot = getattr(crawler.engine, "_slot", None)
    if slot is not None:
        slot.nextcall.schedule()


def engine_is_closing(crawler: Crawler) -> bool:
    """Return whether the engine starts no more requests, because the crawl ends."""
    engine = crawler.engine
    return getattr(getattr(engine, "_slot", None), "closing", None) is not None


def engine_is_idle(crawler: Crawler) -> bool:
    """Return whether the engine has started and has no request in progress."""
    engine = crawler.engine
    return engine is not None and not getattr(engine._slot, "inprogress", True)
