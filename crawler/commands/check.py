"""``scrapy check``: Scrapy's command, which stores nothing here and says so if no callback has a contract."""

from __future__ import annotations

import argparse
import sys

from scrapy.commands.check import Command as ScrapyCommand
from scrapy.contracts import ContractsManager
from scrapy.utils.conf import build_component_list
from scrapy.utils.misc import load_object

from crawler.inspection_command import Inspection
from crawler.spider.loader import UnknownSpider
from models.command_name import command


class Command(Inspection, ScrapyCommand):
    name = "check"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        loader = self.crawler_process.spider_loader
        try:
            spiders = [loader.load(name) for name in args or loader.list()]
        except UnknownSpider as error:
            self.fail(str(error))
            return
        contracts = self._contracts()
        if any(contracts.tested_methods_from_spidercls(spider) for spider in spiders):
            super().run(args, opts)
        else:
            names = ", ".join(sorted(spider.name for spider in spiders)) or "this project"
            print(
                f"{command('check')}: nothing to check: no callback of {names} has a contract "
                "(a docstring with @url and, for instance, @returns items 1)",
                file=sys.stderr,
            )
        if getattr(loader, "broken", None):
            self.exitcode = 1

    def _contracts(self) -> ContractsManager:
        assert self.settings is not None
        names = build_component_list(self.settings.get_component_priority_dict_with_base("SPIDER_CONTRACTS"))
        return ContractsManager(load_object(name) for name in names)
