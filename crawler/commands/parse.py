"""``scrapy parse``: Scrapy's command, which stores nothing here; if it parsed no page its exit code is 1."""

from __future__ import annotations

import argparse

from scrapy import Request
from scrapy.commands.parse import Command as ScrapyCommand
from scrapy.utils.spider import spidercls_for_request

from crawler.inspection_command import Inspection


class Command(Inspection, ScrapyCommand):
    name = "parse"

    def set_spidercls(self, url: str, opts: argparse.Namespace) -> None:
        """Set the class of the spider that parses the URL.

        Raises:
            UnknownSpider: there is no spider of the name that ``--spider`` has. Scrapy's command only logs this.
        """
        assert self.crawler_process is not None
        loader = self.crawler_process.spider_loader
        if opts.spider:
            loader.load(opts.spider)
        elif spidercls_for_request(loader, Request(url)) is None:
            self.fail(
                f"no spider, or more than one, has {url} in its allowed_domains: name one with --spider"
            )
            return
        super().set_spidercls(url, opts)

    def start_parsing(self, url: str, opts: argparse.Namespace) -> None:
        super().start_parsing(url, opts)
        if not self.first_response:
            self.fail(f"no response from {url} was parsed; see the log")
