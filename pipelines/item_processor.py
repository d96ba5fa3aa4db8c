"""Scrapy's item pipelines, with the page of each item as their context, and the count of items in the stats."""

from __future__ import annotations

import traceback
from typing import Any, Self

from itemadapter import ItemAdapter
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.extensions.corestats import CoreStats
from scrapy.pipelines import ItemPipelineManager

from crawler.page.item_json import plain_item
from crawler.page.item_page import take_page
from crawler.page.page import Page, current_page
from crawler.page.row import Rejection
from pipelines.validate import model_of, readable_key


class PageItemProcessor(ItemPipelineManager):
    """The manager of the item pipelines. It tells a page when an item has left them, and rejects it if one raises."""

    _core_stats: CoreStats | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        processor = super().from_crawler(crawler)
        # As a receiver of a signal the extension gets each item in an asyncio task, a tenth of a small item's time.
        processor._core_stats = core_stats = crawler.get_extension(CoreStats) if crawler.extensions else None
        if core_stats is not None:
            crawler.signals.disconnect(core_stats.item_scraped, signals.item_scraped)
        return processor

    async def process_item_async(self, item: Any) -> Any:
        processed = await self._process(item)
        if self._core_stats is not None:
            assert self.crawler is not None and self.crawler.spider is not None
            self._core_stats.item_scraped(processed, self.crawler.spider)
        return processed

    async def _process(self, item: Any) -> Any:
        page = take_page(item)
        if page is None:
            return await super().process_item_async(item)
        token = current_page.set(page)
        try:
            return await super().process_item_async(item)
        except DropItem:
            raise  # the validator has rejected it already, or a pipeline dropped it on purpose
        except Exception as error:
            self._reject(page, item, error)
            raise
        finally:
            current_page.reset(token)
            page.ended()

    def _reject(self, page: Page, item: Any, error: Exception) -> None:
        model = model_of(item, self.crawler.spider if self.crawler else None)
        if model is None:
            return
        fields = ItemAdapter(item).asdict()
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"a pipeline raised {type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        page.reject(
            Rejection(
                model=model, item=plain_item(fields), reasons={"": reason}, key=readable_key(fields, model)
            )
        )
