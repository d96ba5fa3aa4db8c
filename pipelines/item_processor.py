"""Scrapy's item pipelines, each item in the context of its page."""

from __future__ import annotations

import traceback
from typing import Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem
from scrapy.pipelines import ItemPipelineManager

from crawler.page import Page, current_page, plain_item
from crawler.page_items import take_page
from crawler.row import Rejection
from pipelines.validate import model_of, readable_key


class PageItemProcessor(ItemPipelineManager):
    """Tells a page when its items have left the pipelines, and keeps an item over which a pipeline stumbled."""

    async def process_item_async(self, item: Any) -> Any:
        page = take_page(item)
        if page is None:
            return await super().process_item_async(item)
        token = current_page.set(page)
        try:
            return await super().process_item_async(item)
        except DropItem:
            raise  # rejected, which the validator has noted, or dropped on purpose
        except Exception as error:
            self._keep(page, item, error)
            raise
        finally:
            current_page.reset(token)
            page.ended()

    def _keep(self, page: Page, item: Any, error: Exception) -> None:
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
