"""The logger of rendering, ``splashdown.render``, with a level of its own, SPLASH_LOG_LEVEL."""

from __future__ import annotations

import logging

from scrapy import Request
from scrapy.utils.log import get_scrapy_root_handler

from crawler.splash.request_mapping import is_splash_request

logger = logging.getLogger("splashdown.render")


def set_level(level: str | int) -> None:
    """Set the level of the rendering logs, whatever LOG_LEVEL is. May be called many times."""
    for ours in (logger, logging.getLogger("scrapy_splash")):
        ours.setLevel(level)
        if not any(isinstance(handler, _BelowLogLevel) for handler in ours.handlers):
            ours.addHandler(_BelowLogLevel())
    engine = logging.getLogger("scrapy.core.engine")
    if not any(isinstance(known, _RenderedPageFilter) for known in engine.filters):
        engine.addFilter(_RenderedPageFilter())


class _RenderedPageFilter(logging.Filter):
    """Sends Scrapy's line for each rendered page ("Crawled (200) <GET ... via ...>") to our logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.args.get("request") if isinstance(record.args, dict) else None
        if not (isinstance(request, Request) and is_splash_request(request)):
            return True
        if logger.isEnabledFor(record.levelno):
            record.name = logger.name
            logger.handle(record)
        return False


class _BelowLogLevel(logging.Handler):
    """Writes records below LOG_LEVEL to Scrapy's log. Scrapy's own handler writes the other records."""

    def emit(self, record: logging.LogRecord) -> None:
        scrapys = get_scrapy_root_handler()
        if scrapys is not None and record.levelno < scrapys.level:
            scrapys.emit(record)
