"""What the scheduler needs from Scrapy's engine and the engine does not publish."""

from __future__ import annotations

from scrapy.crawler import Crawler


def wake_engine(crawler: Crawler) -> None:
    """Make the engine ask the scheduler for requests again. Do nothing before the engine has started."""
    slot = getattr(crawler.engine, "_slot", None)
    if slot is not None:
        slot.nextcall.schedule()


def engine_is_idle(crawler: Crawler) -> bool:
    """Return whether the engine has started and has no request in progress."""
    engine = crawler.engine
    return engine is not None and not getattr(engine._slot, "inprogress", True)
