"""The last step: an item's row is put on its page, and is committed with it."""

from __future__ import annotations

from typing import Any, Self

from itemadapter import ItemAdapter
from scrapy.crawler import Crawler

from crawler.page import current_page
from crawler.row import row_of
from pipelines.validate import model_of


class UpsertPipeline:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_item(self, item: Any) -> Any:
        model = model_of(item, self.crawler.spider)
        page = current_page.get()
        if model is not None and page is not None:
            page.store(row_of(item if type(item) is dict else ItemAdapter(item), model))
        return item
