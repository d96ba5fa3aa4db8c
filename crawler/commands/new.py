"""``scrapy new``: render a list page, suggest its records and fields, and write the file of a new site."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path
from typing import Any

from scrapy import Spider
from scrapy.http import TextResponse
from scrapy.utils.misc import load_object

from crawler.commands.crawl import Command as Crawl
from crawler.project import this_project
from crawler.run.stopping import CannotStart
from crawler.run.verdict import BELOW_POLICY, CANNOT_START, GOOD
from crawler.security.plain_text import one_line
from crawler.trial.page_spider import page_spider
from crawler.trial.trial_pages import TrialPages
from models.command_name import command


class Command(Crawl):
    name = "new"

    def syntax(self) -> str:
        return "[options] <name> <URL>"

    def short_desc(self) -> str:
        return "Render a list page and write the file of a new site: its model and its spider"

    def long_desc(self) -> str:
        return (
            "Render the page at the URL, find its repeated record, the record's fields and the next page, show five "
            "rows, ask about key and names, and write the file of the site. Nothing is written to the tables."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--yes", action="store_true", help="ask nothing, accept the suggestion")
        parser.add_argument("--yaml", action="store_true", help="write a YAML file, without Python")
        parser.add_argument("--plain", action="store_true", help="do not render the page")
        parser.epilog = None

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.trial.trial_setup import make_quiet  # noqa: PLC0415 - the tables, only for this command

        super().process_options(args, opts)
        assert self.settings is not None
        make_quiet(self.settings, keeps_log=bool(opts.loglevel))
        if opts.plain:
            self.settings.set("RENDERER_ENABLED", False, priority="cmdline")
        self.opts = opts

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.trial.trial_setup import empty_folder, make_database  # noqa: PLC0415

        assert self.settings is not None
        self.exitcode = CANNOT_START
        project = this_project()
        try:
            name, url = self._arguments(args)
            file = project.root / project.sites / f"{name}.{'yaml' if opts.yaml else 'py'}"
            if file.exists():
                raise CannotStart(f"{file} is there already: choose another name, or delete it")
            folder = empty_folder(project.root / "data" / "try" / name)
        except CannotStart as error:
            self._say(str(error))
            return
        engine = make_database(self.settings, folder)
        self.pages = TrialPages(folder=folder, most=1)
        super().run([url], opts)
        failure = self._failure(engine)
        engine.dispose()
        if self.refusal is not None:
            self.exitcode = CANNOT_START
        elif not isinstance(self.pages.first, TextResponse):
            self._say(f"{url} could not be read: {failure or 'it is no HTML'}")
            self.exitcode = BELOW_POLICY
        else:
            self.exitcode = self._suggest(name, self.pages.first, file)

    def _arguments(self, args: list[str]) -> tuple[str, str]:
        if len(args) != 2:
            raise CannotStart(
                f"it takes a name and the URL of a list page: {command('new films https://shop.example/films')}"
            )
        name, url = args
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,49}", name) or keyword.iskeyword(name):
            raise CannotStart(f"{name!r} is no name for a site: use small letters, digits and _")
        if not url.startswith(("http://", "https://")):
            raise CannotStart(f"{url} is no URL: write https://...")
        assert self.crawler_process is not None
        if name in self.crawler_process.spider_loader.list():
            raise CannotStart(f"there is a spider {name} already: choose another name")
        return name, url

    def _suggest(self, name: str, page: TextResponse, file: Path) -> int:
        from crawler.suggestion.next_button import next_button  # noqa: PLC0415
        from crawler.suggestion.site_file import site_file  # noqa: PLC0415 - only for this command
        from crawler.suggestion.suggest import candidates  # noqa: PLC0415
        from crawler.trial.questions import choose, show  # noqa: PLC0415
        from crawler.yaml_site.yaml_text import yaml_text  # noqa: PLC0415

        assert self.settings is not None
        found = candidates(page.text, page.url, load_object(self.settings["TYPE_GUESS"]))
        if not found:
            self._say(f"no repeated record is on {page.url}; its HTML is {self.pages.pages[0].file}")
            return BELOW_POLICY
        if self.opts.yes or not sys.stdin.isatty():
            chosen = found[0]
            show(chosen)
        else:
            chosen = choose(found)
        try:
            text = yaml_text(chosen, page.url) if self.opts.yaml else site_file(chosen, name, page.url)
        except ValueError as error:
            self._say(f"no file was written: {error}")
            return BELOW_POLICY
        if chosen.next_page is None and (button := next_button(page.text)):
            print(
                f"The list may have more pages: {one_line(button)!r} is a button and no link, so use render_pages."
            )
        file.write_text(text, "utf-8")
        root = this_project().root
        print(f"written: {file.relative_to(root)}")
        print(
            f"Next: {command(f'try {name} --save-test')}    shows its rows, and saves the page with its rows as a test"
        )
        return GOOD

    def _failure(self, engine: Any) -> str:
        """Return why the page could not be read, or ""."""
        from sqlalchemy import select  # noqa: PLC0415
        from sqlalchemy.orm import Session  # noqa: PLC0415

        from models.request import CrawlRequest  # noqa: PLC0415

        with Session(engine) as session:
            errors = session.scalars(select(CrawlRequest.error).where(CrawlRequest.error.is_not(None))).all()
        return one_line(errors[0] or "") if errors else ""

    def _spider_of(self, args: list[str]) -> type[Spider]:
        return page_spider(args[0], rendered=not self.opts.plain)

    def _create_crawler(self, spider: Any) -> Any:
        crawler = super()._create_crawler(spider)
        self.pages.watch(crawler)
        return crawler
