"""``scrapy genspider``: Scrapy's command; its default template here makes a SiteSpider."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy.commands.genspider import Command as ScrapyCommand

from models.command_name import command

TEMPLATES = Path(__file__).parent.parent / "templates" / "spiders"
DEFAULT_TEMPLATE = "site"


class Command(ScrapyCommand):
    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.set_defaults(template=DEFAULT_TEMPLATE)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if opts.list:
            self._list_templates()
            return
        if opts.dump is None and len(args) == 2 and not self._can_be_made(args[0], opts):
            self.exitcode = 1
            return
        super().run(args, opts)
        if opts.dump is None and opts.template == DEFAULT_TEMPLATE:
            print(f"Next: its model and its migration (docs/spiders.md), then: {command('crawl')} {args[0]}")

    def _can_be_made(self, name: str, opts: argparse.Namespace) -> bool:
        """Return whether the template exists and the spider does not; print the reason if not."""
        if self._find_template(opts.template) is None:
            return False
        return bool(opts.force) or not self._spider_exists(name)

    def _generate_template_variables(
        self, module: str, name: str, url: str, template_name: str
    ) -> dict[str, Any]:
        # allowed_domains has hosts: one with a port matches nothing.
        host = urlsplit(url).hostname or ""
        return super()._generate_template_variables(module, name, url, template_name) | {"domain": host}

    def _find_template(self, template: str) -> Path | None:
        ours = TEMPLATES / (template if template.endswith(".tmpl") else f"{template}.tmpl")
        return ours if ours.is_file() else super()._find_template(template)

    def _list_templates(self) -> None:
        names = {
            file.stem for folder in (TEMPLATES, Path(self.templates_dir)) for file in folder.glob("*.tmpl")
        }
        print("Available templates:")
        for name in sorted(names):
            print(f"  {name}{'  (the default: it renders its pages)' if name == DEFAULT_TEMPLATE else ''}")
