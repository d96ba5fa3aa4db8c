"""``scrapy fetch``: Scrapy's command, which stores nothing here; without a response its exit code is 1."""

from __future__ import annotations

import argparse

from scrapy.commands.fetch import Command as ScrapyCommand
from scrapy.http import Response

from crawler.inspection_command import Inspection


class Command(Inspection, ScrapyCommand):
    name = "fetch"
    fetched = False

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        super().run(args, opts)
        if not self.fetched and not self.exitcode:
            self.fail(f"no response from {args[0]}; see the log")

    def _print_response(self, response: Response, opts: argparse.Namespace) -> None:
        self.fetched = True
        super()._print_response(response, opts)
