"""The spider of ``benchmarks.startup``: plain or rendered pages, and two lines of JSON with its CPU.

It is copied into a folder of its own, so that a checkout without this file can run it. So it imports only what every
version has.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import scrapy
from scrapy.http import Response

from models import Book
from spiders.base import SiteSpider


class StartupSpider(SiteSpider):
    name = "startup"
    model = Book
    custom_settings = {  # noqa: RUF012  # Scrapy's form
        "CONCURRENT_REQUESTS": 8,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
        "DOWNLOAD_DELAY": 0,
        "DOWNLOAD_SLOTS": {},
        "ROBOTSTXT_OBEY": False,
    }

    async def start(self) -> AsyncIterator[Any]:
        print(json.dumps({"cpu": time.process_time(), "time": time.time()}), flush=True)
        site = os.environ["STARTUP_SITE"]
        for number in range(int(os.environ["STARTUP_PAGES"])):
            url = f"{site}/list/{number}"
            if os.environ["STARTUP_RENDERED"] == "1":
                yield self.render(url, self.parse, wait_for="//article")
            else:
                yield scrapy.Request(url, self.parse)

    def parse(self, response: Response) -> Iterator[Any]:
        for book in response.xpath("//article"):
            yield {
                "sku": book.xpath("@id").get(),
                "title": book.xpath("string(h1)").get(),
                "author": book.xpath("string(*[@class='author'])").get(),
                "category": "prose",
                "price": book.xpath("string(*[@class='price'])").get(),
                "stock": book.xpath("string(*[@class='stock'])").get(),
                "rating": 4,
                "published": book.xpath("string(time)").get(),
                "description": "A book like others. " * 8,
                "url": response.url,
            }
