"""``scrapy view``: Scrapy's command, which stores nothing here; without a response its exit code is 1."""

from __future__ import annotations

import argparse

from scrapy.commands.view import Command as ScrapyCommand
from scrapy.http import Response

from crawler.commands.fetch import Command as Fetch


class Command(Fetch, ScrapyCommand):
    name = "view"

    def _print_response(self, response: Response, opts: argparse.Namespace) -> None:
        self.fetched = True
        ScrapyCommand._print_response(self, response, opts)
