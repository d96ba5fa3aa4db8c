"""What a crawl did, in a few lines at its end: rows stored, items rejected, and every page that gave nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler

from crawler.splash.rendered import FAILED_PAGES

logger = logging.getLogger("splashdown.summary")


def summary_of(stats: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The one line that says how much, and a line for each thing that went wrong."""

    def count(name: str) -> int:
        return int(stats.get(name, 0))

    line = (
        f"{count('response_received_count')} pages, {count('rows/stored')} rows stored, "
        f"{count('rows/rejected')} rejected, {count('rows/refused')} refused by the database"
    )
    failed: list[str] = stats.get(FAILED_PAGES, [])
    total = sum(value for name, value in stats.items() if name.startswith("render/failed/"))
    troubles = [f"gave nothing: {page}" for page in failed]
    if total > len(failed):
        troubles.append(f"gave nothing: {total - len(failed)} more pages")
    prefix = "httperror/response_ignored_status_count/"
    for name, value in sorted(stats.items()):
        if name.startswith(prefix):
            troubles.append(f"ignored: {value} pages with status {name.removeprefix(prefix)}")
        if name.startswith("spider_exceptions/"):
            troubles.append(f"raised in the spider: {name.removeprefix('spider_exceptions/')}, {value} times")
    if count("retry/max_reached"):
        troubles.append(f"given up after all retries: {count('retry/max_reached')} requests")
    return line, troubles


class SummaryExtension:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    def spider_closed(self, spider: Spider, reason: str) -> None:
        assert self.crawler.stats is not None
        line, troubles = summary_of(self.crawler.stats.get_stats())
        for trouble in troubles:
            logger.warning("%s: %s", spider.name, trouble)
        logger.info("%s: %s (%s)", spider.name, line, reason)
