"""Rendering has a logger and a level of its own: ``splashdown.render`` and SPLASH_LOG_LEVEL."""

from __future__ import annotations

import logging

from scrapy import Request
from scrapy.utils.log import get_scrapy_root_handler

from crawler.splash.sent import is_sent

logger = logging.getLogger("splashdown.render")


def set_level(level: str | int) -> None:
    """Say how much is told about rendering, whatever LOG_LEVEL is. Any number of times."""
    for ours in (logger, logging.getLogger("scrapy_splash")):
        ours.setLevel(level)
        if not any(isinstance(handler, _PastTheLogLevel) for handler in ours.handlers):
            ours.addHandler(_PastTheLogLevel())
    engine = logging.getLogger("scrapy.core.engine")
    if not any(isinstance(known, _RenderedElsewhere) for known in engine.filters):
        engine.addFilter(_RenderedElsewhere())


class _RenderedElsewhere(logging.Filter):
    """Scrapy's line for each page ("Crawled (200) <GET ... via ...>") goes to our logger where Splash rendered it."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.args.get("request") if isinstance(record.args, dict) else None
        if not (isinstance(request, Request) and is_sent(request)):
            return True
        if logger.isEnabledFor(record.levelno):
            record.name = logger.name
            logger.handle(record)
        return False


class _PastTheLogLevel(logging.Handler):
    """Writes to Scrapy's log what is below LOG_LEVEL but not below our own; the rest arrives there by itself."""

    def emit(self, record: logging.LogRecord) -> None:
        scrapys = get_scrapy_root_handler()
        if scrapys is not None and record.levelno < scrapys.level:
            scrapys.emit(record)
