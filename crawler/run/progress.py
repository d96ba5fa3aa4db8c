"""The progress bar of a crawl on a terminal. Without a terminal, Scrapy's own log lines show the progress."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Self, TextIO

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.utils.asyncio import create_looping_call

if TYPE_CHECKING:
    from rich.progress import TaskID

INTERVAL = 0.5  # seconds


class ProgressExtension:
    def __init__(self, crawler: Crawler) -> None:
        if not sys.stderr.isatty() or crawler.settings.getbool("PROGRESS_DISABLED"):
            raise NotConfigured
        # Imported here because Scrapy imports this module in every crawl, and few have a terminal.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        self.crawler = crawler
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} pages known, {task.fields[rows]:,} rows"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self.task: TaskID | None = None
        self.loop = create_looping_call(self.update)
        self.moved: list[logging.StreamHandler[TextIO]] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    def spider_opened(self, spider: Spider) -> None:
        self.task = self.progress.add_task(spider.name, total=1, rows=0)
        real = sys.stderr
        self.progress.start()  # from now on sys.stderr writes above the bar
        for handler in logging.root.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is real:
                handler.setStream(sys.stderr)
                self.moved.append(handler)
        self.loop.start(INTERVAL, now=True)

    def update(self) -> None:
        assert self.task is not None and self.crawler.stats is not None
        stats = self.crawler.stats

        def count(name: str) -> int:
            return int(stats.get_value(name, 0))

        # The scheduler counts a rendered page twice: its request to the site, and its request to the renderer.
        rendered = sum(
            value
            for name, value in stats.get_stats().items()
            if name.startswith("splash/") and name.endswith("/request_count")
        )
        done = count("response_received_count")
        known = max(done, count("scheduler/enqueued") - rendered, 1)
        self.progress.update(self.task, completed=done, total=known, rows=count("rows/stored"))

    def spider_closed(self) -> None:
        self.loop.stop()
        self.update()
        self.progress.stop()
        for handler in self.moved:
            handler.setStream(sys.stderr)
