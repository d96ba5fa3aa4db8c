"""``scrapy eject``: turn a site's YAML file into a Python file with the same table and the same rows."""

from __future__ import annotations

import argparse

from scrapy.commands import ScrapyCommand

from crawler.command_failure import print_failure
from crawler.project import this_project
from crawler.run.verdict import CANNOT_START
from models.command_name import command


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "<name>"

    def short_desc(self) -> str:
        return "Turn the YAML file of a site into a Python file"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.yaml_site.definition import SiteFileError, read_definition  # noqa: PLC0415 - only here
        from crawler.yaml_site.python_file import python_file  # noqa: PLC0415

        self.exitcode = CANNOT_START
        eject = command("eject")
        if len(args) != 1 or not args[0].isidentifier():
            print_failure(eject, f"it takes the name of a file: `{eject} films` for films.yaml")
            return
        project = this_project()
        file = project.root / project.sites / f"{args[0]}.yaml"
        target = file.with_suffix(".py")
        if target.exists():
            print_failure(eject, f"{target} is there already: delete it, or rename it")
            return
        try:
            text = python_file(read_definition(file))
            target.write_text(text, "utf-8")
            file.rename(file.with_suffix(".yaml.old"))
        except SiteFileError as error:
            print_failure(eject, str(error))
            return
        except OSError as error:
            print_failure(eject, f"{error.filename}: {error.strerror}")
            return
        self.exitcode = 0
        print(f"written: {target.relative_to(project.root)}; the YAML file is now {file.stem}.yaml.old")
        print(f"Next: {command(f'try {args[0]}')}")
