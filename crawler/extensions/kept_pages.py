"""Pages that could not be read are kept: the newest of each reason, and of each of them a screenshot.

Nothing of it delays the crawl or ends it: it is done in a thread, and what cannot be done is said once.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from crawler.keeper import Keeper
from crawler.kept_page import page_to_keep
from crawler.page import Keeping, Page
from crawler.splash.draw import drawer_of

logger = logging.getLogger("splashdown.kept_pages")

# Seconds that the end of a crawl waits for the last pages and screenshots.
AT_THE_END = 60.0  # for a slow renderer; one that makes no pictures is left alone soon
WHEN_STOPPED = 2.0  # somebody wants it to end now


class KeptPagesExtension:
    """Not there with ``KEPT_PAGES=0``, nor where nothing is stored."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        if settings.getint("KEPT_PAGES") <= 0 or not settings.getbool("RUN_ENABLED", True):
            raise NotConfigured
        self.crawler = crawler
        self.limit = settings.getint("KEPT_PAGE_BYTES")
        self.folder = Path(settings["KEPT_PAGES_FOLDER"])
        self.keeper: Keeper | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    @classmethod
    def of(cls, crawler: Crawler) -> KeptPagesExtension | None:
        """The crawl's, if it keeps pages."""
        return crawler.get_extension(cls)

    def keeping(self, run_id: int, number: int, request: str) -> Keeping:
        """How a page is kept. Its name is made of numbers: a site has no say in it."""
        return Keeping(name=f"{run_id:d}/{number:d}", request=request, limit=self.limit)

    def closed(self, page: Page) -> None:
        """Nothing more will come of the page: keep it if something is wrong with it."""
        response, reason, keeping = page.response, page.kept_for, page.keeping
        page.response = None
        if response is None or reason is None or keeping is None:
            return
        spider = self.crawler.spider
        assert spider is not None
        try:
            kept = page_to_keep(
                response,
                name=keeping.name,
                spider=spider.name,
                arguments=getattr(spider, "arguments", {}),
                reason=reason,
                why=[page.error] if page.error else page.wrongs,
                request=keeping.request,
            )
        except Exception:  # a response class of the spider's own may do anything
            logger.warning("%s could not be kept", page.url, exc_info=True)
            return
        if self.keeper is None:
            self.keeper = Keeper(
                self.folder,
                most=self.crawler.settings.getint("KEPT_PAGES"),
                limit=self.limit,
                drawer=drawer_of(self.crawler.settings),
            )
            self.keeper.start()
        self.keeper.put(kept)
        if self.crawler.stats is not None:
            self.crawler.stats.inc_value(f"kept_pages/{reason}")

    async def spider_closed(self, spider: Spider, reason: str) -> None:
        """While the renderer is still there."""
        if self.keeper is None:
            return
        await asyncio.to_thread(self.keeper.close, AT_THE_END if reason == "finished" else WHEN_STOPPED)
        if self.keeper.written:
            logger.warning(
                "%s: %d pages that could not be read are kept in %s; when the spider is mended: scrapy replay %s",
                spider.name,
                len(self.keeper.names),
                self.folder,
                spider.name,
            )
