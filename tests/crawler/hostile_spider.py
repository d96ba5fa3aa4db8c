"""A spider that follows all links of the hostile site, and requests local files in ``start()``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy import Request
from scrapy.http import Response
from scrapy_splash import SplashRequest

from tests.crawler.hostile_site import LINKS

PATHS = ("/gzip", "/deflate", "/twice", "/often", "/redirect", "/huge", "/endless", "/forbidden", "/fine")


class HostileSpider(scrapy.Spider):
    name = "hostile"
    custom_settings = {  # noqa: RUF012
        "RENDERER_ENABLED": False,
        "RETRY_TIMES": 0,
        "DOWNLOAD_MAXSIZE": 32 * 1024 * 1024,
    }

    async def start(self) -> AsyncIterator[Any]:
        yield Request(Path(__file__).as_uri(), self.parse_own)
        yield Request("data:text/html,<title>own</title>", self.parse_own)
        yield Request(f"{self.settings['DEMO_URL']}/start", self.parse)

    def parse_own(self, response: Response) -> Iterator[Any]:
        self.logger.info("read %d bytes of %s", len(response.body), response.url)
        # Spiders make such copies of the page's own request.
        assert response.request is not None
        yield response.request.replace(url="file:///etc/group")

    def parse(self, response: Response) -> Iterator[Any]:
        for link in LINKS:
            yield Request(link, self.parse_page)
        yield SplashRequest("file:///etc/shadow", self.parse_page)
        yield SplashRequest(response.urljoin("/a"), self.parse_page, args={"url": "file:///etc/fstab"})
        for path in PATHS:
            yield response.follow(path, self.parse_page)

    def parse_page(self, response: Response) -> None:
        self.logger.info("GOT %s: %s", response.url, response.body[:60])
