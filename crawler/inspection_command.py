"""Inspection: what Scrapy's commands for looking at pages have in common in this project."""

from __future__ import annotations

import argparse
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand

from crawler.command_failure import print_failure
from crawler.run.verdict import CANNOT_START
from crawler.spider.loader import UnknownSpider
from models.command_name import command


class Inspection(ScrapyCommand):
    """A mixin for a command of Scrapy: it stores nothing, and an unknown spider is one line and exit code 1."""

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.default_settings = {**cls.default_settings, "RUN_ENABLED": False}

    renders: ClassVar[bool] = False  # the command renders the page of its URL, unless it has --plain

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        if self.renders:
            parser.add_argument("--plain", action="store_true", help="plain HTTP: do not render the page")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if self.renders and not opts.plain:
            assert self.settings is not None
            self.settings.set("INSPECTION_RENDERED", True, priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        try:
            super().run(args, opts)  # type: ignore[safe-super]  # the next class is Scrapy's command
        except UnknownSpider as error:
            self.fail(str(error))

    def fail(self, message: str) -> None:
        """Print why the command did not do its work, and set its exit code to 1."""
        print_failure(command(self.name), message)
        self.exitcode = CANNOT_START
