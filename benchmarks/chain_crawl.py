"""The spider of ``benchmarks.chain`` for ``scrapy crawl``: full settings, a model, ``render(wait_for=)``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy.http import Response

from benchmarks.chain_spiders import SETTINGS, rows, urls
from benchmarks.product import Product
from spiders.base import SiteSpider


class ChainSpider(SiteSpider):
    name = "chain"
    model = Product
    # The server is on this machine: no delay, as for the other contenders.
    custom_settings = SETTINGS | {"DOWNLOAD_SLOTS": {}}

    async def start(self) -> AsyncIterator[Any]:
        for url in urls():
            yield self.render(url, self.parse, wait_for="#ready")

    def parse(self, response: Response) -> Iterator[Any]:
        yield from rows(response)
