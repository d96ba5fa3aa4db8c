"""Metrics for Prometheus: over HTTP while a crawl runs (METRICS_PORT), in a file at its end (METRICS_FOLDER)."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Self
from wsgiref.simple_server import WSGIServer

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from crawler.run.extension import RunExtension
from crawler.splash.request_mapping import is_splash_request

if TYPE_CHECKING:
    from crawler.metrics.collector import RunningCrawl

logger = logging.getLogger("splashdown.metrics")

LOOPBACK = "127.0.0.1"


class MetricsExtension:
    """Serves and writes the metrics. A port or folder that cannot be used is a warning only.

    The methods import prometheus_client, because Scrapy imports this module in every crawl, and few have metrics.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.port = crawler.settings.getint("METRICS_PORT", 0)
        self.folder: str = crawler.settings.get("METRICS_FOLDER") or ""
        if not (self.port or self.folder) or crawler.spider is None:
            raise NotConfigured
        from crawler.metrics.collector import RunningCrawl  # noqa: PLC0415

        self.running: RunningCrawl = RunningCrawl(crawler)
        self.server: WSGIServer | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.engine_started, signals.engine_started)
        crawler.signals.connect(extension.response_downloaded, signals.response_downloaded)
        crawler.signals.connect(extension.engine_stopped, signals.engine_stopped)
        return extension

    def engine_started(self) -> None:
        if not self.port:
            return
        from prometheus_client import start_http_server  # noqa: PLC0415

        try:
            self.server, _ = start_http_server(self.port, addr=LOOPBACK, registry=self.running.registry)
        except (OSError, OverflowError) as error:
            logger.warning("no metrics at METRICS_PORT %d: %s; the crawl goes on", self.port, error)
        else:
            logger.info("metrics are at http://%s:%d/metrics", LOOPBACK, self.port)

    def response_downloaded(self, request: Request) -> None:
        latency = request.meta.get("download_latency")
        if latency is not None and is_splash_request(request):
            self.running.rendered.observe(latency)

    async def engine_stopped(self) -> None:
        # In a thread: the server may have to end a response, and the file may be locked.
        if self.server is not None:
            await asyncio.to_thread(self.server.shutdown)
            self.server.server_close()
        run = RunExtension.of(self.running.crawler)
        is_trial = run is not None and run.held.trial_pages is not None
        if self.folder and not is_trial:  # the file is about the spider's last run
            from crawler.metrics.textfile import write_textfile  # noqa: PLC0415

            try:
                await asyncio.to_thread(write_textfile, Path(self.folder), self.running)
            except OSError as error:
                logger.warning("no metrics in METRICS_FOLDER: %s", error)
