"""Scrapy's loader of spiders, whose errors say in one line what to change."""

from __future__ import annotations

import difflib
import sys

import scrapy
from scrapy.settings import BaseSettings
from scrapy.spiderloader import SpiderLoader as ScrapySpiderLoader

from models.base import ModelError


class UnknownSpider(KeyError):
    """There is no spider of that name; the message has those that there are."""

    def __str__(self) -> str:
        return str(self.args[0])


class SpiderLoader(ScrapySpiderLoader):
    def __init__(self, settings: BaseSettings) -> None:
        try:
            super().__init__(settings)
        except ModelError as error:
            sys.exit(f"{error}")

    def load(self, spider_name: str) -> type[scrapy.Spider]:
        try:
            return super().load(spider_name)
        except KeyError:
            names = sorted(self.list())
            close = difflib.get_close_matches(spider_name, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
            raise UnknownSpider(f"there is no spider {spider_name!r}; {hint}") from None
