"""``scrapy list``: Scrapy's command; here its exit code is 1 if a module of spiders cannot be loaded."""

from __future__ import annotations

import argparse

from scrapy.commands.list import Command as ScrapyCommand
from scrapy.spiderloader import get_spider_loader

from crawler.output_pipe import reader_may_end


class Command(ScrapyCommand):
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        loader = get_spider_loader(self.settings)
        if names := sorted(loader.list()):
            with reader_may_end():
                print("\n".join(names))
        self.exitcode = 1 if getattr(loader, "broken", None) else 0
