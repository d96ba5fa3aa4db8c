"""Spiders for the tests of commands: one with contracts, one whose contract fails, one that renders its pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import scrapy
from scrapy.http import Response

from spiders.base import SiteSpider

DEMO = os.environ["DEMO_URL"]
CONTRACT = f"""
@url {DEMO}
@returns items 1 1
@scrapes title
"""


class PlainSpider(scrapy.Spider):
    name = "plain"
    start_urls = (DEMO,)

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"title": response.css("title::text").get()}


PlainSpider.parse.__doc__ = CONTRACT


class WrongSpider(scrapy.Spider):
    name = "wrong"

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"name": response.css("title::text").get()}


WrongSpider.parse.__doc__ = CONTRACT


class RenderedSpider(SiteSpider):
    name = "rendered"

    def parse(self, response: Response) -> Iterator[Any]:
        yield self.render(f"{DEMO}/books", self.parse_list, wait_for="//article")

    def parse_list(self, response: Response) -> Iterator[Any]:
        for sku in response.xpath("//article/@data-sku").getall():
            yield {"sku": sku}
