"""``scrapy list``: Scrapy's command; here its exit code is 1 if a module of spiders cannot be loaded."""

from __future__ import annotations

import argparse

from scrapy.commands.list import Command as ScrapyCommand
from scrapy.spiderloader import get_spider_loader

from crawler.command_failure import print_failure
from crawler.output_pipe import OutputFailed, reader_may_end
from crawler.run.verdict import CANNOT_START, GOOD
from models.command_name import command


class Command(ScrapyCommand):
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        loader = get_spider_loader(self.settings)
        self.exitcode = CANNOT_START if getattr(loader, "broken", None) else GOOD
        if names := sorted(loader.list()):
            try:
                with reader_may_end():
                    print("\n".join(names))
            except OutputFailed as error:
                print_failure(command("list"), str(error))
                self.exitcode = CANNOT_START
