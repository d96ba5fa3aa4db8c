"""The extension that saves snapshots of pages that have a fault: the newest of each reason, with a screenshot.

A thread saves them, so they do not delay the crawl. A failure to save is logged once and does not end the crawl.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from crawler.page.page import Page
from crawler.page.snapshot_policy import EMPTY, SnapshotPolicy
from crawler.snapshots.page_snapshot import body_file, remove_snapshot, take_snapshot
from crawler.snapshots.writer import SnapshotWriter
from crawler.spider.arguments import arguments_of
from crawler.splash.screenshots import screenshotter_of
from models.command_name import command

logger = logging.getLogger("splashdown.kept_pages")

# Seconds that the end of a crawl waits for the last snapshots and screenshots.
AT_THE_END = 60.0  # enough for a slow renderer; after a few failures there are no more screenshots
WHEN_STOPPED = 2.0  # a crawl that is stopped has to end soon

MOST_EMPTY = 3  # snapshots of pages without an item and a request
NOTHING = "its callback yielded neither an item nor a request"


class SnapshotExtension:
    """Gives each page its snapshot policy, and takes a snapshot of a closed page that has a fault.

    Not enabled with ``KEPT_PAGES=0``, or if the crawl stores nothing.
    """

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        if settings.getint("KEPT_PAGES") <= 0 or not settings.getbool("RUN_ENABLED", True):
            raise NotConfigured
        self.crawler = crawler
        self.limit = settings.getint("KEPT_PAGE_BYTES")
        self.folder = Path(settings["KEPT_PAGES_FOLDER"])
        self.writer: SnapshotWriter | None = None
        self.has_rows = False  # any page has a row
        self.empty: list[str] = []  # names of snapshots with the reason EMPTY

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    @classmethod
    def of(cls, crawler: Crawler) -> SnapshotExtension | None:
        """Return the crawl's extension; None if it is not enabled."""
        return crawler.get_extension(cls)

    def snapshot_policy(self, run_id: int, number: int, request: str) -> SnapshotPolicy:
        """Return a page's policy. The name has only numbers, so that no text of a site is in a path."""
        return SnapshotPolicy(name=f"{run_id:d}/{number:d}", request=request, limit=self.limit)

    def closed(self, page: Page) -> None:
        """Take a snapshot of a page if it has a fault. Its callback and its items are done."""
        self.has_rows = self.has_rows or bool(page.keys)
        response, reason, snapshot_policy = page.response, page.snapshot_reason, page.snapshot_policy
        page.response = None
        if reason is None and self._may_explain_an_empty_run(page):
            reason = EMPTY
        if response is None or reason is None or snapshot_policy is None:
            return
        spider = self.crawler.spider
        assert spider is not None
        try:
            snapshot = take_snapshot(
                response,
                name=snapshot_policy.name,
                spider=spider.name,
                arguments=arguments_of(self.crawler),
                reason=reason,
                why=[NOTHING] if reason == EMPTY else [page.error] if page.error else page.wrongs,
                request=snapshot_policy.request,
            )
        except Exception:  # a response class of the spider may raise any error
            logger.warning("%s: no snapshot could be taken", page.url, exc_info=True)
            return
        if self.writer is None:
            self.writer = SnapshotWriter(
                self.folder,
                most=self.crawler.settings.getint("KEPT_PAGES"),
                limit=self.limit,
                screenshotter=screenshotter_of(self.crawler.settings),
            )
            self.writer.start()
        self.writer.put(snapshot)
        if reason == EMPTY:
            self.empty.append(snapshot_policy.name)
            return
        if self.crawler.stats is not None:
            self.crawler.stats.inc_value(f"kept_pages/{reason}")

    def _may_explain_an_empty_run(self, page: Page) -> bool:
        """Return whether the page's callback yielded nothing and no page has a row: an XPath may be wrong."""
        model = getattr(self.crawler.spider, "model", None)
        is_empty = not (page.results or page.error or page.skipped)
        return model is not None and is_empty and not self.has_rows and len(self.empty) < MOST_EMPTY

    def _report_empty_pages(self, name: str) -> None:
        """Log the files of the EMPTY snapshots if the run has no row; remove them if it has one."""
        if self.has_rows:
            for page in self.empty:
                remove_snapshot(self.folder, page)
        elif self.empty:
            files = [file for page in self.empty if (file := body_file(self.folder, page)) is not None]
            logger.warning(
                "%s: the run has no row; snapshots of the first pages without an item and a request: %s. Test the "
                "XPaths with: %s %s",
                name,
                ", ".join(map(str, files)),
                command("shell"),
                files[0] if files else "FILE",
            )

    async def spider_closed(self, spider: Spider, reason: str) -> None:
        """Wait for the writer, while the renderer still runs, and log how many snapshots there are."""
        if self.writer is None:
            return
        await asyncio.to_thread(self.writer.close, AT_THE_END if reason == "finished" else WHEN_STOPPED)
        self._report_empty_pages(spider.name)
        if len(self.writer.names) > len(self.empty):
            logger.warning(
                "%s: snapshots of %d faulty pages are in %s; when the spider is fixed, run: %s %s",
                spider.name,
                len(self.writer.names) - len(self.empty),
                self.folder,
                command("replay"),
                spider.name,
            )
