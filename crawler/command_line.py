"""The program ``splashdown``: ``splashdown startproject`` anywhere, and every command of ``scrapy`` in a project."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Any

from scrapy import cmdline
from scrapy.utils.conf import closest_scrapy_cfg

from crawler.command_failure import print_failure
from crawler.project_folder import CannotMakeProject, make_project
from crawler.run.verdict import CANNOT_START
from models.command_name import OURS, SCRAPY

USAGE = """usage: splashdown startproject NAME [FOLDER]   make a folder for your sites
       splashdown COMMAND ...                in that folder or below it: `splashdown -h` lists the commands"""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["startproject"]:
        sys.exit(_start_project(arguments[1:]))
    if not closest_scrapy_cfg():
        if arguments and arguments[0] not in ("-h", "--help", "help"):
            print_failure("splashdown", "there is no project in this folder or above it (no scrapy.cfg)")
        print(USAGE, file=sys.stderr)  # noqa: T201
        sys.exit(0 if arguments[:1] in (["-h"], ["--help"], ["help"]) else CANNOT_START)
    _name_this_program()
    cmdline.execute([OURS, *arguments])


def _name_this_program() -> None:
    """Let the help and the messages of Scrapy's command line name this program in place of ``scrapy``."""
    parser, write = cmdline.ScrapyArgumentParser, print

    def parser_of(*, usage: str, **options: Any) -> Any:
        return parser(usage=usage.replace(f"{SCRAPY} ", f"{OURS} ", 1), **options)

    def written(*texts: object) -> None:
        write(*(re.sub(rf"(?<=\"){SCRAPY}\b|^  {SCRAPY}(?= <)", _ours, str(text)) for text in texts))

    cmdline.ScrapyArgumentParser = parser_of  # type: ignore[assignment,misc]
    vars(cmdline)["print"] = written  # the module's own name for the built-in function


def _ours(found: re.Match[str]) -> str:
    return found[0].replace(SCRAPY, OURS)


def _start_project(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)  # noqa: T201
        return 0 if arguments in (["-h"], ["--help"]) else CANNOT_START
    try:
        folder = make_project(*arguments)
    except CannotMakeProject as error:
        print_failure("splashdown startproject", str(error))
        return CANNOT_START
    where = shlex.quote(str(folder))
    print(f"{folder} is your project, with a README.md. Next:\n    cd {where}\n    scripts/setup")  # noqa: T201
    return 0
