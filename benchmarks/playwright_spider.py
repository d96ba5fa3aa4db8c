"""The pages of the benchmark by scrapy-playwright, with the same input and output as ``benchmarks.lean_cdp``.

PYTHON benchmarks/playwright_spider.py CONCURRENCY CHROMIUM      PYTHON: one that has scrapy-playwright
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import scrapy
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response
from scrapy_playwright.page import PageMethod  # type: ignore[import-not-found, unused-ignore]

CONCURRENCY, CHROMIUM = int(sys.argv[1]), sys.argv[2]
HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
SETTINGS: dict[str, Any] = {
    "LOG_LEVEL": "ERROR",
    "TELNETCONSOLE_ENABLED": False,
    "RETRY_ENABLED": False,
    "DOWNLOAD_DELAY": 0,
    "CONCURRENT_REQUESTS": CONCURRENCY,
    "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
    "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": CONCURRENCY,
    "DOWNLOAD_HANDLERS": {"http": HANDLER, "https": HANDLER},
    "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
    "PLAYWRIGHT_LAUNCH_OPTIONS": {"executable_path": CHROMIUM, "args": ["--no-sandbox"]},
}


class PlaywrightSpider(scrapy.Spider):
    name = "playwright"

    async def start(self) -> AsyncIterator[Any]:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            urls = json.loads(line)
            self.good, self.left, self.done = 0, len(urls), asyncio.Event()
            for url in urls:
                methods = [PageMethod("wait_for_selector", "#ready", state="attached")]
                yield scrapy.Request(
                    url,
                    self.parse,
                    errback=self.count,
                    dont_filter=True,
                    meta={"playwright": True, "playwright_page_methods": methods},
                )
            await self.done.wait()
            print(self.good, flush=True)

    def parse(self, response: Response) -> None:
        self.good += b'id="ready"' in response.body
        self.count(None)

    def count(self, failure: Any) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()


if __name__ == "__main__":
    crawler = AsyncCrawlerProcess(SETTINGS)
    crawler.crawl(PlaywrightSpider)
    crawler.start()
