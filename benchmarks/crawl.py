"""Pages per second of a complete crawl, and of the same spider on bare Scrapy (memory queue, JSON lines feed).

python -m benchmarks.crawl [--pages 20000] [DATABASE_URL ...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import scrapy
from scrapy.http import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.product import Product, drop_table, make_table
from models.schema import upgrade
from models.session import make_engine

SETTINGS: dict[str, Any] = {
    "LOG_LEVEL": "ERROR",
    "ROBOTSTXT_OBEY": False,
    "CONCURRENT_REQUESTS": 16,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
    "DOWNLOAD_DELAY": 0,
    "TELNETCONSOLE_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,
}
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class TinySpider(scrapy.Spider):
    name = "tiny"
    model = Product
    custom_settings = SETTINGS | {"RENDERER_ENABLED": False, "DOWNLOAD_SLOTS": {}}

    async def start(self) -> AsyncIterator[Any]:
        for number in range(int(os.environ["PAGES"])):
            yield scrapy.Request(f"http://127.0.0.1:{os.environ['PORT']}/{number}", self.parse)

    def parse(self, response: Response) -> Iterator[Any]:
        number = response.url.rpartition("/")[2]
        yield {
            "sku": number,
            "title": response.xpath("string(//h1)").get(),
            "brand": "b",
            "category": "c",
            "price": response.xpath("string(//*[@class='price'])").get(),
            "stock": 1,
            "rating": 1,
            "weight": 1,
            "released": "2026-01-01",
            "colour": "red",
            "description": "d",
            "url": response.url,
        }


BARE = """
from scrapy.crawler import AsyncCrawlerProcess
from benchmarks.crawl import SETTINGS, TinySpider
class Bare(TinySpider):
    custom_settings = {}
process = AsyncCrawlerProcess(SETTINGS | {"FEEDS": {%r: {"format": "jsonlines"}}})
process.crawl(Bare)
process.start()
"""


def crawl(
    command: list[str],
    port: int,
    pages: int,
    database_url: str = "",
    settings: Mapping[str, str] = NO_SETTINGS,
) -> float:
    """Run a crawl in a process of its own; return its pages per second."""
    env = os.environ | {
        "PORT": str(port),
        "PAGES": str(pages),
        "DATABASE_URL": database_url,
        "SPLASHDOWN_ENV_FILE": "",
        **settings,
    }
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], env=env, check=True)
    return pages / (time.perf_counter() - began)


def crawl_into_database(url: str, port: int, pages: int, settings: Mapping[str, str] = NO_SETTINGS) -> float:
    """Crawl into an empty table; return the pages per second."""
    engine = make_engine(url)
    upgrade(engine)
    drop_table(engine)
    make_table(engine)
    speed = crawl(
        ["-m", "scrapy", "crawl", "tiny", "--fresh", "-s", "SPIDER_MODULES=benchmarks.crawl"],
        port,
        pages,
        url,
        settings,
    )
    with Session(engine) as session:
        stored = session.scalar(select(func.count()).select_from(Product.table()))
    assert stored == pages, f"the table has {stored} of {pages} rows"
    drop_table(engine)
    engine.dispose()
    return speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("databases", nargs="*")
    options = parser.parse_args()
    site = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.site"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert site.stdin is not None and site.stdout is not None
    port = int(site.stdout.readline())
    try:
        with tempfile.TemporaryDirectory() as folder:
            bare = crawl(["-c", BARE % f"{folder}/items.jsonl"], port, options.pages)
            print(f"bare Scrapy: {bare:,.0f} pages/s", flush=True)
            for url in options.databases or [
                f"sqlite:///{folder}/benchmark.db",
                *(
                    os.environ[name]
                    for name in ("TEST_MARIADB_URL", "TEST_POSTGRESQL_URL")
                    if name in os.environ
                ),
            ]:
                speed = crawl_into_database(url, port, options.pages)
                print(
                    f"ours on {url.split(':')[0]}: {speed:,.0f} pages/s, {speed / bare:.2f} of bare Scrapy",
                    flush=True,
                )
    finally:
        site.stdin.close()
        site.wait()


if __name__ == "__main__":
    main()
