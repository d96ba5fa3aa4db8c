"""Scrapy's limits CLOSESPIDER_..., which do not end a crawl whose run is paused because it yields no items."""

from __future__ import annotations

from scrapy.extensions.closespider import CloseSpider as ScrapyCloseSpider

from crawler.run.extension import RunExtension


class CloseSpider(ScrapyCloseSpider):
    """Scrapy's extension. CLOSESPIDER_TIMEOUT_NO_ITEM does not count the time in which the run is paused."""

    def _count_items_produced(self) -> None:
        run = RunExtension.of(self.crawler)
        if run is None or not run.is_paused:
            super()._count_items_produced()
