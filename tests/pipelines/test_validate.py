"""The validator names every invalid field of an item; a field without a column is an error of the spider."""

from __future__ import annotations

import dataclasses
from typing import Any

import attrs
import pytest
import scrapy
from itemadapter import ItemAdapter
from scrapy.utils.test import get_crawler

from models import Book, Quote
from pipelines.validate import InvalidItem, UnknownField, ValidatePipeline, fields_of, model_of, validated

QUOTE: dict[str, Any] = {"quote_id": "7", "body": " Be. ", "author": "O. W."}


@dataclasses.dataclass
class DataclassQuote:
    quote_id: Any = "7"
    body: Any = " Be. "
    author: Any = "O. W."
    tags: Any = None


@attrs.define
class AttrsQuote:
    quote_id: Any = "7"
    body: Any = " Be. "
    author: Any = "O. W."
    tags: Any = None


class ScrapyQuote(scrapy.Item):
    quote_id = scrapy.Field()
    body = scrapy.Field()
    author = scrapy.Field()
    tags = scrapy.Field()


class QuoteSpider(scrapy.Spider):
    name = "quotes"
    model = Quote


def pipeline(spider_class: type[scrapy.Spider] = QuoteSpider) -> ValidatePipeline:
    crawler = get_crawler(spider_class)
    crawler.spider = crawler._create_spider()
    return ValidatePipeline.from_crawler(crawler)


@pytest.mark.parametrize(
    "item", [dict(QUOTE), DataclassQuote(), AttrsQuote(), ScrapyQuote(QUOTE), Quote.item(**QUOTE)]
)
def test_an_item_of_any_kind_gets_its_values_in_place(item: Any) -> None:
    result = pipeline().process_item(item)
    assert type(result) is type(item)
    value = (
        (lambda name: result[name])
        if isinstance(result, dict | scrapy.Item)
        else (lambda name: getattr(result, name))
    )
    assert (value("quote_id"), value("body")) == (7, "Be.")


def test_the_error_names_every_invalid_field() -> None:
    with pytest.raises(InvalidItem) as caught:
        validated({"quote_id": "seven", "body": ""}, Quote)
    assert set(caught.value.reasons) == {"quote_id", "body", "author"}


def test_an_invalid_child_rejects_its_parent_and_is_named() -> None:
    review = {"reviewer": "ann", "stars": "4/5", "body": "!", "posted": "2024-05-03"}
    book = {
        "sku": "B1", "title": "T", "author": "A", "category": "C", "price": "1", "stock": 1, "rating": 1,
        "published": "2020-01-01", "url": "u", "reviews": [review | {"stars": 4}, review],
    }  # fmt: skip
    with pytest.raises(InvalidItem) as caught:
        validated(book, Book)
    assert list(caught.value.reasons) == ["reviews[1].stars"]


def test_the_error_of_an_unknown_field_suggests_a_name() -> None:
    with pytest.raises(UnknownField, match="did you mean 'author'"):
        validated(QUOTE | {"autor": "x"}, Quote)


def test_the_model_of_an_item_counts_before_that_of_its_spider() -> None:
    assert model_of(Book.item(sku="B1"), QuoteSpider()) is Book
    assert model_of({}, QuoteSpider()) is Quote
    assert model_of({}, scrapy.Spider("x")) is None


def test_items_of_a_spider_without_a_model_pass_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    step = pipeline(type("Plain", (scrapy.Spider,), {"name": "plain"}))
    assert [step.process_item({"a": 1}), step.process_item({"a": 2})] == [{"a": 1}, {"a": 2}]
    assert sum("has no model" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize(
    "item",
    [
        QUOTE,
        {**QUOTE, "tags": ["a", {"b": 1}]},
        {**QUOTE, "tags": DataclassQuote()},
        {**QUOTE, "tags": [ScrapyQuote(body="b")]},
        DataclassQuote(),
        AttrsQuote(tags={"a": AttrsQuote()}),
        ScrapyQuote(body="b"),
    ],
    ids=repr,
)
def test_the_fields_of_an_item_are_those_of_item_adapter_in_a_dict_of_their_own(item: Any) -> None:
    fields = fields_of(item)
    assert fields == ItemAdapter(item).asdict()
    assert fields is not item
