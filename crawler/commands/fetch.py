"""``scrapy fetch``: Scrapy's command, which stores nothing here; without a response its exit code is 1."""

from __future__ import annotations

import argparse

from scrapy.commands.fetch import Command as ScrapyCommand
from scrapy.http import Response

from crawler.inspection_command import Inspection
from crawler.splash.request_mapping import is_splash_request, restore_page_request


class Command(Inspection, ScrapyCommand):
    name = "fetch"
    renders = True
    fetched = False

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        super().run(args, opts)
        if not self.fetched and not self.exitcode:
            self.fail(f"no response from {args[0]}; see the log")

    def _print_response(self, response: Response, opts: argparse.Namespace) -> None:
        self.fetched = True
        if response.request is not None and is_splash_request(response.request):
            # The headers of the request to the renderer have its password.
            response.request = restore_page_request(response.request)
        super()._print_response(response, opts)
