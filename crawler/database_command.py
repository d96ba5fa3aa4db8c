"""DatabaseCommand: what the commands that work on the database have in common."""

from __future__ import annotations

import argparse
import signal
import sys
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NoReturn

from scrapy.commands import ScrapyCommand
from scrapy.settings import Settings
from scrapy.spiderloader import get_spider_loader
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from crawler.command_failure import print_failure
from crawler.database import open_database
from crawler.output_pipe import OutputFailed, reader_may_end
from crawler.run.verdict import CANNOT_START, GOOD
from crawler.unknown_option import unknown_option
from models.command_name import command
from models.error_text import error_line
from models.session import DatabaseUnusable


class CommandFailed(Exception):
    """The command cannot do its work; the message says why, in one line."""

    exit_code = CANNOT_START


class DatabaseCommand(ScrapyCommand):
    """A command that opens the database: an error of ``expected_errors`` is one line, and exit code 1.

    Attributes:
        name: of the command.
        max_arguments: the largest number of arguments that are not options.
        expected_errors: the errors whose message is enough; CommandFailed and DatabaseUnusable always are.
        imports_spiders: whether the command needs the models of the spiders' modules.
    """

    requires_project = True
    requires_crawler_process = False
    name: str
    max_arguments: ClassVar[int] = 0
    expected_errors: ClassVar[tuple[type[Exception], ...]] = ()
    imports_spiders: ClassVar[bool] = True

    @property
    def program(self) -> str:
        """Return how messages name the command."""
        return command(self.name)

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        self._parser = parser
        parser.error = self._refuse_options  # type: ignore[method-assign]  # argparse's exit code is 2

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        self.exitcode = 0
        expected: tuple[type[Exception], ...] = (
            CommandFailed,
            DatabaseUnusable,
            OutputFailed,
            *self.expected_errors,
        )
        try:
            self._check_arguments(args)
            if self.serves(opts):
                end_at_signals()
            if self.imports_spiders:
                # The modules of the spiders import the models.
                self.spider_loader = get_spider_loader(self.project_settings)
            with reader_may_end():
                self.execute(args, opts)
        except expected as error:
            print_failure(self.program, str(error))
            self.exitcode = getattr(error, "exit_code", CANNOT_START)
        except SQLAlchemyError as error:  # transactions that are committed stay
            print_failure(self.program, error_line(error))
            self.exitcode = CANNOT_START

    def serves(self, opts: argparse.Namespace) -> bool:
        """Return whether the command runs until SIGTERM, so that this signal is a good end also before it serves."""
        return False

    @abstractmethod
    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do the work of the command; ``self.exitcode`` is 0 until this method or an error changes it."""

    def _check_arguments(self, args: list[str]) -> None:
        """Raise CommandFailed for one argument too many, or an unknown option: Scrapy makes an argument of it."""
        if problem := unknown_option(args, self._parser):
            raise CommandFailed(f"{problem}; {self._help_hint()}")
        if len(args) > self.max_arguments:
            surplus = " ".join(args[self.max_arguments :])
            raise CommandFailed(f"too many arguments: {surplus}; {self._help_hint()}")

    def _refuse_options(self, message: str) -> NoReturn:
        """Exit with the code of a command that could not start: 2 has another meaning for some commands."""
        print_failure(self.program, f"{message}; {self._help_hint()}")
        sys.exit(CANNOT_START)

    def _help_hint(self) -> str:
        return f"`{self.program} --help` prints the usage"

    @property
    def project_settings(self) -> Settings:
        assert self.settings is not None  # scrapy.cmdline sets them before it runs a command
        return self.settings

    @contextmanager
    def database(self, *, check_schema: bool = True) -> Iterator[Engine]:
        """Yield an engine of the database, and dispose of it at the end of the block.

        Raises:
            DatabaseUnusable: as ``open_database``.
        """
        engine = open_database(self.project_settings, check_schema=check_schema)
        try:
            yield engine
        finally:
            engine.dispose()


def end_at_signals() -> None:
    """End this process with exit code 0 on SIGTERM and SIGINT, until other handlers are set."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(GOOD))
