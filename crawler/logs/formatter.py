"""Scrapy's log messages; the message for a dropped item has the reason but not the item, which may be a page long.

Messages for each page and item, at level DEBUG, are made only if a log handler shows them. Scrapy leaves that to the
handlers, and makes a log record of each message first.
"""

from __future__ import annotations

import logging
from typing import Any

from scrapy import Request, Spider, logformatter
from scrapy.http import Response
from scrapy.logformatter import LogFormatterResult
from twisted.python.failure import Failure

SCRAPER, ENGINE = logging.getLogger("scrapy.core.scraper"), logging.getLogger("scrapy.core.engine")


class LogFormatter(logformatter.LogFormatter):
    def crawled(self, request: Request, response: Response, spider: Spider) -> LogFormatterResult:
        if not is_shown(ENGINE, logging.DEBUG):
            return None  # type: ignore[return-value]  # Scrapy's way to log nothing
        return super().crawled(request, response, spider)

    def scraped(self, item: Any, response: Response | Failure | None, spider: Spider) -> LogFormatterResult:
        if not is_shown(SCRAPER, logging.DEBUG):
            return None  # type: ignore[return-value]
        return super().scraped(item, response, spider)

    def dropped(
        self, item: Any, exception: BaseException, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        result = super().dropped(item, exception, response, spider)
        where = f" on {response.url}" if isinstance(response, Response) else ""
        result["msg"] = "Dropped: %(exception)s%(where)s"
        result["args"] = {"exception": exception, "where": where}
        return result


def is_shown(logger: logging.Logger, level: int) -> bool:
    """Return whether a handler of the logger, or of one above it, accepts records of this level."""
    if not logger.isEnabledFor(level):
        return False
    above: logging.Logger | None = logger
    while above is not None:
        for handler in above.handlers:
            if handler.level <= level:
                return True
        above = above.parent if above.propagate else None
    return False
