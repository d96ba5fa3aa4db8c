"""The spiders of ``benchmarks.chain``: the same pages and rows by Splashdown, scrapy-playwright and plain Scrapy.

As a program it crawls without Splashdown, in a Python that needs Scrapy and SQLAlchemy only, and scrapy-playwright
for that:

PYTHON benchmarks/chain_spiders.py playwright|plain DATABASE_URL

Each crawl prints two lines of JSON: its figures when the pages of the warm-up have come, and when it ended.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psutil
import scrapy
from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.http import Response

SITE, KIND = os.environ.get("CHAIN_SITE", ""), os.environ.get("CHAIN_KIND", "data")
PAGES, ROWS = int(os.environ.get("CHAIN_PAGES", 0)), int(os.environ.get("CHAIN_ROWS", 1))
WARM_UP = int(os.environ.get("CHAIN_WARM_UP", 0))
CONCURRENCY = int(os.environ.get("CHAIN_CONCURRENCY", 4))
XPATHS = {"data": "//li", "heavy": "//div[@class='row']", "tail": "//li"}

SETTINGS: dict[str, Any] = {
    "CONCURRENT_REQUESTS": CONCURRENCY,
    "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
    "DOWNLOAD_DELAY": 0,
    "EXTENSIONS": {"benchmarks.chain_spiders.Clock": 0},
    "LOG_LEVEL": "ERROR",
    "TELNETCONSOLE_ENABLED": False,
}


def part_of(process: psutil.Process, root: psutil.Process) -> str:
    """Return the part of a crawl that a process is; ``root`` is the crawl's first process."""
    if process == root:
        return "crawl"
    command = " ".join(process.cmdline())
    if "--type=renderer" in command:
        return "pages"
    if "network.mojom" in command:
        return "network"
    if "--type=" in command:
        return "other"
    return "browser" if "chrom" in command.partition(" ")[0] or "remote-debugging" in command else "renderer"


def cpu_by_part(root: psutil.Process) -> dict[str, float]:
    """Return the seconds of CPU by part of the crawl: of this process and of all below it, also of ended ones."""
    cpu: dict[str, float] = {}
    for process in [root, *root.children(recursive=True)]:
        try:
            times, part = process.cpu_times(), part_of(process, root)
        except psutil.Error:
            continue
        cpu[part] = cpu.get(part, 0.0) + times.user + times.system
        cpu["other"] = cpu.get("other", 0.0) + times.children_user + times.children_system
    return cpu


def figures(pages: int) -> dict[str, Any]:
    """Return the time, the pages so far, and the seconds of CPU by part of this crawl."""
    return {"time": time.time(), "pages": pages, "cpu": cpu_by_part(psutil.Process())}


class Clock:
    """Prints the figures after the warm-up and at the end, when every row is committed."""

    def __init__(self) -> None:
        self.pages = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Clock:
        clock = cls()
        crawler.signals.connect(clock.count, signals.response_received)
        crawler.signals.connect(clock.end, signals.spider_closed)
        return clock

    def count(self, response: Response) -> None:
        if response.url.endswith("/robots.txt"):
            return
        self.pages += 1
        if self.pages == WARM_UP:
            self.end()

    def end(self) -> None:
        print(json.dumps(figures(self.pages)), flush=True)


def urls() -> list[str]:
    return [f"{SITE}/{KIND}?{number}" for number in range(PAGES)]


def rows(response: Response) -> Iterator[dict[str, Any]]:
    """Yield the first rows of a page, with XPaths as a spider has them."""
    number = response.url.rpartition("?")[2]
    for index, node in enumerate(response.xpath(XPATHS[KIND])[:ROWS]):
        yield {
            "sku": f"{number}-{index}",
            "title": node.xpath("string(.)").get(),
            "brand": "Brand 7",
            "category": "Category 3",
            "price": "£51.99",
            "stock": "12",
            "rating": 4,
            "weight": 1200,
            "released": "2026-05-03",
            "colour": "anthracite",
            "description": "It does what it should, and a little more on good days.",
            "url": response.url,
        }


class MergePipeline:
    """The pipeline of most projects: a merge and a commit for each item."""

    def __init__(self) -> None:
        from sqlalchemy import create_engine  # noqa: PLC0415
        from sqlalchemy.orm import Session  # noqa: PLC0415

        self.session = Session(create_engine(sys.argv[2]))

    def process_item(self, item: dict[str, Any]) -> dict[str, Any]:
        self.session.merge(product()(**values(item)))
        self.session.commit()
        return item


def values(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item's values as the columns need them; most projects do this in the spider."""
    from datetime import date  # noqa: PLC0415
    from decimal import Decimal  # noqa: PLC0415

    return item | {
        "price": Decimal(item["price"].lstrip("£")),
        "stock": int(item["stock"]),
        "released": date.fromisoformat(item["released"]),
    }


def product() -> Any:
    """Return a plain ORM class of the table that ``benchmarks.product`` makes, without our columns' rules."""
    global _PRODUCT
    if _PRODUCT is None:
        from sqlalchemy import Date, Integer, Numeric, String  # noqa: PLC0415
        from sqlalchemy.orm import DeclarativeBase, mapped_column  # noqa: PLC0415

        class Base(DeclarativeBase):
            pass

        class Plain(Base):
            __tablename__ = "benchmark_chain"
            sku = mapped_column(String(20), primary_key=True)
            title = mapped_column(String(200))
            brand = mapped_column(String(80))
            category = mapped_column(String(80))
            price = mapped_column(Numeric(10, 2))
            stock = mapped_column(Integer)
            rating = mapped_column(Integer)
            weight = mapped_column(Integer)
            released = mapped_column(Date)
            colour = mapped_column(String(40))
            description = mapped_column(String(500))
            url = mapped_column(String(500))

        _PRODUCT = Plain
    return _PRODUCT


_PRODUCT: Any = None


class PlainSpider(scrapy.Spider):
    name = "chain_plain"

    async def start(self) -> AsyncIterator[Any]:
        for url in urls():
            yield scrapy.Request(url, self.parse, meta=self.request_meta(), dont_filter=True)

    def request_meta(self) -> dict[str, Any]:
        return {}

    def parse(self, response: Response) -> Iterator[Any]:
        yield from rows(response)


class PlaywrightSpider(PlainSpider):
    name = "chain_playwright"

    def request_meta(self) -> dict[str, Any]:
        from scrapy_playwright.page import PageMethod  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

        return {
            "playwright": True,
            "playwright_page_methods": [PageMethod("wait_for_selector", "#ready", state="attached")],
        }


def main(how: str, url: str) -> None:
    from sqlalchemy import create_engine  # noqa: PLC0415

    engine = create_engine(url)
    product().metadata.drop_all(engine)
    product().metadata.create_all(engine)
    settings = SETTINGS | {"ITEM_PIPELINES": {MergePipeline: 100}, "EXTENSIONS": {Clock: 0}}
    if how == "playwright":
        handler = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
        settings |= {
            "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
            "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": CONCURRENCY,
            "PLAYWRIGHT_LAUNCH_OPTIONS": {
                "executable_path": os.environ["CHAIN_CHROMIUM"],
                "args": ["--no-sandbox"],
            },
            "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        }
    process = AsyncCrawlerProcess(settings)
    process.crawl(PlaywrightSpider if how == "playwright" else PlainSpider)
    process.start()
    product().metadata.drop_all(engine)


if __name__ == "__main__":
    main(*sys.argv[1:])
