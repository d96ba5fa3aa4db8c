"""Scrapy's log messages; the message for a dropped item has the reason but not the item, which may be a page long."""

from __future__ import annotations

from typing import Any

from scrapy import Spider, logformatter
from scrapy.http import Response
from scrapy.logformatter import LogFormatterResult
from twisted.python.failure import Failure


class LogFormatter(logformatter.LogFormatter):
    def dropped(
        self, item: Any, exception: BaseException, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        result = super().dropped(item, exception, response, spider)
        where = f" on {response.url}" if isinstance(response, Response) else ""
        result["msg"] = "Dropped: %(exception)s%(where)s"
        result["args"] = {"exception": exception, "where": where}
        return result
