"""The last item pipeline: it adds the item's row to its page, which the writer commits."""

from __future__ import annotations

from typing import Any, Self

from itemadapter import ItemAdapter
from scrapy.crawler import Crawler

from crawler.page.page import current_page
from crawler.page.row import row_of
from pipelines.validate import model_of


class UpsertPipeline:
    """The pipeline that adds the row of an item to the item's page."""

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
