"""Crawl-delay of robots.txt: the delay between two requests to a host is at least what its robots.txt asks for."""

from __future__ import annotations

import logging
from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.robotstxt import RobotParser

logger = logging.getLogger("splashdown.robots")


class CrawlDelayExtension:
    """Sets the delay of Scrapy's download slots. A rendered page has the slot of its host, as a plain one.

    Without ROBOTSTXT_OBEY no robots.txt is read, and no delay is set.
    """

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        self.crawler = crawler
        self.longest = settings.getfloat("CRAWL_DELAY_LIMIT", 60.0)
        self.user_agent: str = settings["ROBOTSTXT_USER_AGENT"] or settings["USER_AGENT"]
        self.delays: dict[str, float] = {}  # seconds by the key of the slot

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.robots_parsed, signals.robots_parsed)
        crawler.signals.connect(extension.request_reached_downloader, signals.request_reached_downloader)
        return extension

    def robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        """Note the delay that a robots.txt asks for. ``request`` is the first request to its host."""
        asked = robotparser.crawl_delay(self.user_agent)
        if asked is None or not asked > 0:
            return
        delay = min(asked, self.longest)
        assert self.crawler.engine is not None
        key = self.crawler.engine.downloader.get_slot_key(request)
        if delay < asked:
            logger.warning(
                "robots.txt of %s asks for %g s between two requests, which is limited to %g s (CRAWL_DELAY_LIMIT)",
                key,
                asked,
                delay,
            )
        else:
            logger.info("robots.txt of %s asks for %g s between two requests", key, asked)
        self.delays[key] = max(delay, self.delays.get(key, 0.0))

    def request_reached_downloader(self, request: Request) -> None:
        """Set the delay of the request's slot; again for each request, because Scrapy drops slots without requests."""
        key = request.meta.get("download_slot", "")
        delay = self.delays.get(key)
        if delay is None or self.crawler.engine is None:
            return
        slot = self.crawler.engine.downloader.slots.get(key)
        if slot is not None and slot.delay < delay:
            slot.delay, slot.jitter = delay, 0.0  # a jitter would make some delays shorter
