"""``scrapy new``: render a list page, suggest its records and fields, and write the file of a new site."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from scrapy import Spider
from scrapy.commands import ScrapyCommand
from scrapy.http import Response, TextResponse
from scrapy.utils.misc import load_object

from crawler.commands.crawl import Command as Crawl
from crawler.project import this_project
from crawler.rendering.settings import NEVER
from crawler.run.stopping import CannotStart
from crawler.run.verdict import BELOW_POLICY, CANNOT_START, GOOD, forbidden_note
from crawler.security.plain_text import one_line
from crawler.splash.selectors import wrong_in_html
from crawler.suggestion.relative_time import RELATIVE
from crawler.suggestion.suggestion import Suggestion, TypeOf
from crawler.trial.page_spider import LONG_QUIET, FollowingPage, page_spider
from crawler.trial.trial_pages import TrialPages
from crawler.yaml_site.json_schema import schema_text, write_schema
from models.command_name import command

MOST = 3  # suggestions that a user can choose from
MOST_PARTS = 5  # repeated parts of a page without its list
MOST_PAGES = 4  # the first look, the second, the page after scrolling, the next page


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

    def add_spider_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of all commands only: the site has no spider yet."""
        ScrapyCommand.add_options(self, parser)
        parser.set_defaults(spargs=[], output=None, overwrite_output=None)

    def add_run_options(self, parser: argparse.ArgumentParser) -> None:
        """Add none: the page is rendered in a trial of its own."""

    def choose_run(self, opts: argparse.Namespace) -> None:
        """Do nothing: ``add_run_options`` adds no option that chooses a run."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--yes", action="store_true", help="ask nothing, accept the suggestion")
        parser.add_argument("--yaml", action="store_true", help="write a YAML file, without Python")
        parser.add_argument(
            "--plain", action="store_true", help="do not render the page, and write so into the file"
        )
        parser.add_argument(
            "--wait-for",
            metavar="CSS",
            help="an element that the page must have (a CSS selector or an XPath); the file of the site has it too",
        )
        parser.add_argument(
            "--key",
            metavar="FIELD[,FIELD]",
            help="the fields that identify a record, in place of those found",
        )
        parser.add_argument(
            "--schema",
            action="store_true",
            help="print the JSON Schema of YAML sites for your editor, and do nothing else",
        )
        parser.epilog = None

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.trial.trial_setup import make_quiet  # noqa: PLC0415 - the tables, only for this command

        super().process_options(args, opts)
        assert self.settings is not None
        if opts.wait_for is not None:
            if opts.plain:
                self._refuse_options("--plain does not render the page, so it cannot wait for an element")
            if fault := wrong_in_html("--wait-for", opts.wait_for):
                self._refuse_options(fault)
        make_quiet(self.settings, keeps_log=bool(opts.loglevel))
        if opts.plain:
            self.settings.set("RENDERER_ENABLED", False, priority="cmdline")
        self.opts = opts

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.trial.trial_setup import empty_folder, make_database  # noqa: PLC0415

        assert self.settings is not None
        if opts.schema:
            print(schema_text(), end="")
            self.exitcode = GOOD
            return
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
        self.pages = TrialPages(folder=folder, most=MOST_PAGES)
        self.listed: Response | None = None  # the page whose records are suggested
        self.scrolled: Response | None = None  # the same page after scrolling
        self.followed: list[Response] = []  # the next page; if it is behind a button, the page before it, too
        self.found: list[Suggestion] = []
        super().run([url], opts)
        failure = self._failure(engine)
        engine.dispose()
        if self.refusal is not None:
            self.exitcode = CANNOT_START
            return
        page = self.listed or self.pages.last
        if not isinstance(self.pages.first, TextResponse) or not isinstance(page, TextResponse):
            self._say(f"{url} could not be read: {failure or 'it is no HTML'}")
            self.exitcode = BELOW_POLICY
        else:
            self.exitcode = self._suggest(name, self.pages.first, page, file)

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

    def _suggest(self, name: str, first: TextResponse, page: TextResponse, file: Path) -> int:
        from crawler.suggestion.key_selector import key_selector  # noqa: PLC0415
        from crawler.suggestion.left_out import with_left_out  # noqa: PLC0415
        from crawler.suggestion.login_page import is_login  # noqa: PLC0415
        from crawler.suggestion.missing_key import missing_key  # noqa: PLC0415
        from crawler.suggestion.preferred import without_menu  # noqa: PLC0415
        from crawler.suggestion.several_values import several_values  # noqa: PLC0415
        from crawler.suggestion.site_file import site_file  # noqa: PLC0415 - only for this command
        from crawler.trial.questions import choose, show  # noqa: PLC0415
        from crawler.yaml_site.yaml_text import yaml_text  # noqa: PLC0415

        found = self._candidates(page)
        is_doubtful = page is not first and (not found or found[0].in_menu)
        if is_doubtful and (before := self._candidates(first)):
            page, found = first, before
        found = without_menu(found) if found else []
        if is_login(page.text, page.url, found[0] if found else None):
            self._say(
                f"{page.url} is a login, and its list is behind it: no file was written. See log_in in "
                "docs/spiders.md, which says how to begin with a page behind a login"
            )
            return BELOW_POLICY
        if not found:
            self._report_contents(first, page)
            return BELOW_POLICY
        found = [with_left_out(one, page.text, page.url, self._type_of()) for one in found[:MOST]]
        found = [self._with_other_pages(one, page) for one in found]
        if self.opts.key is not None and not (found := self._with_key(found)):
            return CANNOT_START
        if self.opts.yes or not sys.stdin.isatty():
            chosen = found[0]
            show(chosen)
        else:
            chosen = choose(found, lambda one: missing_key(one, page.text, page.url))
        if not chosen.key:
            self._say(
                f"no file was written: the records have no natural key: {missing_key(chosen, page.text, page.url)}"
            )
            for one in self._advice(page):
                self._say(f"if these are not the records, try {one}")
            return BELOW_POLICY
        if self.opts.yaml:
            several = [name for name, _ in several_values(chosen, page.text)]
            texts = {field.name for field in chosen.fields if field.type == "str"} - {*chosen.key}
            chosen = replace(chosen, joined=tuple(name for name in several if name in texts))
        # A script may write the cells of a record after the record itself.
        wait_for = self.opts.wait_for or key_selector(chosen, page.text)
        rendering = NEVER if self.opts.plain else None
        try:
            if self.opts.yaml:
                text = yaml_text(chosen, page.url, wait_for, rendering=rendering)
            else:
                text = site_file(chosen, name, page.url, wait_for, rendering=rendering)
        except ValueError as error:
            self._say(f"no file was written: {error}")
            return BELOW_POLICY
        for note in notes(chosen, page.text):
            print(note)
        if left := self._siblings_left(chosen, page):
            print(left)
        try:
            if self.opts.yaml:
                write_schema(file.parent)
            file.write_text(text, "utf-8")
        except OSError as error:
            self._say(f"{error.filename or file} cannot be written: {error.strerror}")
            return CANNOT_START
        root = this_project().root
        print(f"written: {file.relative_to(root)}")
        print(
            f"Next: {command(f'try {name} --save-test')}    shows its rows, and saves the page with its rows as a test"
        )
        return GOOD

    def _with_key(self, found: list[Suggestion]) -> list[Suggestion]:
        """Return the suggestions that have the fields of --key, with this key; say so if there are none."""
        key = tuple(name.strip() for name in self.opts.key.split(","))
        names = [{field.name for field in one.fields} for one in found]
        usable = [
            replace(one, key=key) for one, known in zip(found, names, strict=True) if known.issuperset(key)
        ]
        if not usable:
            unknown = next((name for name in key if name not in names[0]), key[0])
            fields = ", ".join(field.name for field in found[0].fields)
            self._say(f"--key: there is no field {unknown!r}; there are {fields}")
        return usable

    def _candidates(self, page: Response) -> list[Suggestion]:
        from crawler.suggestion.preferred import with_element  # noqa: PLC0415 - only for this command
        from crawler.suggestion.suggest import candidates  # noqa: PLC0415

        if not isinstance(page, TextResponse):
            return []
        found = candidates(page.text, page.url, self._type_of())
        return found if self.opts.wait_for is None else with_element(found, page.text, self.opts.wait_for)

    def _type_of(self) -> TypeOf:
        assert self.settings is not None
        type_of: TypeOf = load_object(self.settings["TYPE_GUESS"])
        return type_of

    def _is_ready(self, page: Response) -> bool:
        """Return whether a page has records outside of its menus that are no placeholder of a list."""
        found = self._candidates(page)
        return bool(found) and not found[0].in_menu and not is_placeholder(found[0])

    def _items_of(self, page: Response) -> str | None:
        """Return the XPath of a page's records; None if there are none outside of its menus."""
        self.listed = page
        found = self._candidates(page)
        return found[0].record if found and not found[0].in_menu else None

    def _note_scrolled(self, page: Response) -> None:
        self.scrolled = page

    def _following(self, page: Response) -> FollowingPage | None:
        """Return where the list of a page goes on; None if nothing says so."""
        from crawler.suggestion.next_button import next_button  # noqa: PLC0415 - only for this command

        found = self._candidates(page)
        if not found or found[0].in_menu or not isinstance(page, TextResponse):
            return None
        if found[0].next_page is not None and (href := page.xpath(found[0].next_page).get()):
            return FollowingPage(records=found[0].record, url=page.urljoin(href))
        button = next_button(page.text)
        if button is None or button.adds_records or button.xpath is None:
            return None
        return FollowingPage(records=found[0].record, button=button.xpath)

    def _with_other_pages(self, suggestion: Suggestion, page: TextResponse) -> Suggestion:
        """Return the suggestion with what the page after scrolling and the next page say."""
        from crawler.suggestion.more_records import (  # noqa: PLC0415 - only for this command
            have_other_records,
            with_more_records,
            with_next_page,
            with_scrolled_page,
        )
        from crawler.suggestion.next_button import next_button  # noqa: PLC0415

        url, type_of = page.url, self._type_of()
        if isinstance(self.scrolled, TextResponse):
            suggestion = with_scrolled_page(suggestion, self.scrolled.text, url, type_of)
        pages = [page.text, *(one.text for one in self.followed if isinstance(one, TextResponse))]
        if len(pages) == 1 or not have_other_records(suggestion, pages[0], pages[-1], url):
            return suggestion
        suggestion = with_more_records(suggestion, pages, url, type_of)
        if suggestion.next_page is not None:
            suggestion = with_next_page(suggestion, (page.text, url), (pages[-1], self.followed[-1].url))
        button = next_button(page.text)
        if suggestion.next_page is None and not suggestion.grid_rows and button is not None:
            suggestion = replace(suggestion, next_button=button.xpath)
        return suggestion

    def _siblings_left(self, chosen: Suggestion, page: TextResponse) -> str | None:
        """Return a line about elements beside the records that look like records, on the pages that were read."""
        from crawler.suggestion.other_siblings import other_siblings  # noqa: PLC0415 - only for this command

        for one in (page, *self.followed):
            if isinstance(one, TextResponse) and (number := other_siblings(chosen, one.text, one.url)):
                return (
                    f"{number} elements beside the records of {one.url} have their key, and {one_line(chosen.record)} "
                    "does not find them: correct the XPath of the records if they are some, too."
                )
        return None

    def _report_contents(self, first: TextResponse, page: TextResponse) -> None:
        """Say what the page has in place of records, and what the user can try."""
        from crawler.suggestion.page_contents import described, page_contents  # noqa: PLC0415

        contents = page_contents(first.text, first.url)
        later = None if page is first else page_contents(page.text, page.url)
        self._say(f"no repeated record is on {page.url}; its HTML is {self.pages.pages[-1].file}")
        self._say(f"the page has {one_line(described(contents, later, LONG_QUIET), 1000)}")
        for one in self._advice(page):
            self._say(f"try {one}")

    def _advice(self, page: TextResponse) -> list[str]:
        """Return what the user can try if the page has not the list that he sees in a browser."""
        from crawler.suggestion.page_contents import advice, page_contents  # noqa: PLC0415

        waits = self.opts.wait_for is not None
        return advice(page_contents(page.text, page.url), is_plain=self.opts.plain, waits=waits)

    def _failure(self, engine: Any) -> str:
        """Return why the page could not be read, or ""."""
        from sqlalchemy import select  # noqa: PLC0415
        from sqlalchemy.orm import Session  # noqa: PLC0415

        from models.request import CrawlRequest  # noqa: PLC0415
        from models.run_failures import FORBIDDEN  # noqa: PLC0415

        with Session(engine) as session:
            errors = session.execute(
                select(CrawlRequest.error, CrawlRequest.url).where(CrawlRequest.error.is_not(None))
            ).all()
        if not errors:
            return ""
        error, url = errors[0]
        return one_line(forbidden_note(1, [url])[0] if error == FORBIDDEN else error or "", 1000)

    def _spider_of(self, args: list[str]) -> type[Spider]:
        return page_spider(
            args[0],
            rendered=not self.opts.plain,
            wait_for=self.opts.wait_for,
            is_ready=self._is_ready,
            items_of=self._items_of,
            scrolled=self._note_scrolled,
            following=self._following,
            followed=self.followed.append,
        )

    def _create_crawler(self, spider: Any) -> Any:
        crawler = super()._create_crawler(spider)
        self.pages.watch(crawler)
        return crawler


def is_placeholder(found: Suggestion) -> bool:
    """Return whether the records may be parts of a page whose list comes later: few, and with little in them."""
    has_link = any(field.xpath.endswith("@href") for field in found.fields)
    return found.rows <= MOST_PARTS and not (found.key and has_link and len(found.fields) > 1)


def notes(chosen: Suggestion, html: str) -> Iterator[str]:
    """Yield what a user has to know about a site that was written, one line each."""
    from crawler.suggestion.next_button import next_button  # noqa: PLC0415 - only for this command
    from crawler.suggestion.said_pages import said_pages  # noqa: PLC0415
    from crawler.suggestion.several_values import several_values  # noqa: PLC0415

    if chosen.grid_rows:
        yield (
            f"The list has {chosen.grid_rows} records, and {chosen.rows} of them are on the page: "
            "the site scrolls for the others (render_scrolled)."
        )
    elif chosen.is_placed:
        yield (
            "The records have places of their own, as in a list that has only what is in sight: if rows are missing, "
            "use render_scrolled(items=RECORD)."
        )
    if chosen.in_menu:
        yield "These records are in a menu, a header or a footer. If the list comes later, use --wait-for CSS."
    for field in chosen.fields:
        if field.is_relative_time and field.name not in chosen.key:
            example = one_line(next(filter(RELATIVE.search, field.samples)), 60)
            yield f"{field.name} has times like {example!r}, so its changes are not in the history (tracked)."
        if field.name in chosen.key and field.filled < 1.0:
            missing = round((1 - field.filled) * max(chosen.rows, chosen.grid_rows))
            yield f"{missing or 1} records have no {field.name}, which is the key: they are rejected."
    for name, records in several_values(chosen, html):
        stored = "all are stored as one text (join)" if name in chosen.joined else "the first one is stored"
        yield f"{name} has several values in {records} of {chosen.rows} records, and {stored}."
    if chosen.next_page is not None:
        return
    if chosen.next_button is None and (said := said_pages(html)):
        yield f"The page says {one_line(said)!r}, and no link or button of its next page was found: see render_pages."
    if (button := next_button(html)) is None:
        return
    words = one_line(button.words)
    if chosen.next_button is not None:
        yield f"The list has more pages: the site clicks the button {words!r} (render_pages)."
    else:
        yield f"The list may have more pages: {words!r} is a button and no link, so use render_pages."
