"""``scrapy shell``: Scrapy's command, which stores nothing here; with ``--spider`` it has ``spider`` from the start."""

from __future__ import annotations

import argparse
from typing import Any

from scrapy.commands.shell import Command as ScrapyCommand

from crawler.inspection_command import Inspection


class Command(Inspection, ScrapyCommand):
    name = "shell"
    renders = True
    _spider: str | None = None

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        self._spider = opts.spider
        super().run(args, opts)

    def update_vars(self, vars: dict[str, Any]) -> None:  # Scrapy's name
        """Put the spider that ``--spider`` names into the shell. Scrapy makes it only at the first fetch."""
        if vars.get("spider") is None and self._spider is not None:
            crawler = vars["crawler"]
            crawler.spider = vars["spider"] = crawler.spider or crawler._create_spider()
