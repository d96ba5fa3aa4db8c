"""The models whose tables the crawl checks before it begins."""

from __future__ import annotations

import scrapy

from crawler.spider.models import models_of
from models import Book, Review
from spiders.quotes import QuotesSpider


class ItemsSpider(scrapy.Spider):
    """A spider that yields ``Book.item(...)`` and has no model of its own."""

    name = "items"


def test_the_models_of_a_spider_are_its_own_those_of_its_module_and_their_children() -> None:
    assert set(models_of(ItemsSpider())) == {Book, Review}
    assert QuotesSpider.model in models_of(QuotesSpider())
