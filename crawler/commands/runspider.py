"""``scrapy runspider``: run a spider of a file, with the errors and exit codes of ``scrapy crawl``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from scrapy import Spider
from scrapy.commands.runspider import Command as ScrapyRunSpider
from scrapy.commands.runspider import _import_file
from scrapy.utils.spider import iter_spider_classes

from crawler.commands.crawl import Command as Crawl
from crawler.run.stopping import CannotStart
from crawler.spider.loader import import_error


class Command(Crawl):
    name = "runspider"
    requires_project = False
    default_settings: ClassVar = ScrapyRunSpider.default_settings

    def syntax(self) -> str:
        return "[options] <spider_file>"

    def short_desc(self) -> str:
        return "Run a spider from a Python file"

    def _spider_of(self, args: list[str]) -> type[Spider]:
        """Return the last spider class of the file on the command line.

        Raises:
            CannotStart: the file is missing, cannot be loaded, or has no spider.
        """
        if len(args) != 1:
            raise CannotStart("it takes one Python file with a spider")
        file = Path(args[0])
        if not file.is_file():
            raise CannotStart(f"there is no file {file}")
        try:
            spiders = list(iter_spider_classes(_import_file(file)))
        except Exception as error:  # the user's file may raise any error
            raise CannotStart(import_error(error, str(file))) from None
        if not spiders:
            raise CannotStart(f"{file} has no spider: a class that derives from scrapy.Spider and has a name")
        return spiders[-1]
