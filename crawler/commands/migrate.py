"""``scrapy migrate``: bring the schema of the database up to date."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from crawler.database import project_revisions
from crawler.database_command import CommandFailed, DatabaseCommand
from crawler.security.plain_text import one_line
from models.command_name import command
from models.error_text import error_line
from models.existing.definition import existing_models
from models.new_revision import NewRevision, new_revision
from models.revisions import VERSION_TABLE, Revisions
from models.schema import upgrade_all
from models.session import shown
from models.types import MYSQL

KEY_TOO_LONG = 1071  # MySQL's number of the error
KEY_CHARACTERS = 768  # of four bytes each; InnoDB's keys have 3072 bytes
TABLE = re.compile(r"\b(?:TABLE|INDEX \S+ ON) `?([^`\s(]+)")  # in a statement that makes a key or an index


class Command(DatabaseCommand):
    name = "migrate"

    def short_desc(self) -> str:
        return "Bring the schema of the database up to date (DATABASE_URL)"

    def long_desc(self) -> str:
        return (
            "Bring the schema of the database at DATABASE_URL up to date. Each crawl does this for an SQLite file; "
            "for a server only this command does it. Make a backup first."
        )

    def syntax(self) -> str:
        return "[--new [MESSAGE]]"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--new",
            nargs="?",
            const="models",
            metavar="MESSAGE",
            help="first write a migration for the tables and columns that only the models have, then apply it",
        )

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        project = project_revisions(self.project_settings)
        with self.database(check_schema=False) as engine:
            new = self._write(engine, opts.new, project) if opts.new is not None else None
            file = new.file if new is not None else None
            executed = _statements(engine)
            try:
                lines = upgrade_all(engine, project)
            except BaseException as error:
                if file is not None:
                    file.unlink(missing_ok=True)  # no crawl starts while a migration is not applied
                if not isinstance(error, SQLAlchemyError):
                    raise
                after = f"; {_state_after_failure(engine, file, executed)}" if file is not None else ""
                raise CommandFailed(f"the migration failed: {_reason(error)}{after}") from error
            if new is not None:  # it has applied what was there
                pairs = zip(new.migrated, lines, strict=True)
                lines = [(before, after) for (before, _), (_, after) in pairs]
            print(f"{shown(engine.url)} {_state(*lines[0])}")
            if project is not None:
                print(f"this project's own revisions: {_state_of_project(*lines[1])}")
        if opts.new is not None and (missing := self._missing()):
            raise CommandFailed(
                f"the models are incomplete: {'; '.join(missing)}; correct that, then run "
                f"`{command('migrate --new')}` again"
            )

    def _missing(self) -> list[str]:
        """Return why models are not among those that were compared with the database."""
        unloaded = self._unloaded()
        return [
            *([f"{', '.join(unloaded)} cannot be loaded (see above)"] if unloaded else []),
            *(model.problem for model in existing_models() if model.problem is not None),
        ]

    def _unloaded(self) -> list[str]:
        """Return the modules of sites that cannot be loaded: their models may be missing."""
        return list(getattr(self.spider_loader, "broken", ()))

    def _write(self, engine: Engine, message: str, project: Revisions | None) -> NewRevision:
        """Write a migration, and print it or that the database lacks nothing."""
        new = new_revision(engine, message, project)
        if new.left_alone:
            print(f"left alone, since no model has them: {', '.join(new.left_alone)}")
        if new.file is None:
            loaded = " that can be loaded" if self._missing() else ""
            print(f"no new migration: the database has every table and column of the models{loaded}")
            return new
        print(new.file.read_text("utf-8"))
        for column in new.emptied:
            print(column)
        print(f"written to {new.file}: read it and commit it with your code")
        return new


def _statements(engine: Engine) -> list[str]:
    """Return a list to which each statement of the engine that changes a table is added when it is done."""
    statements: list[str] = []

    @event.listens_for(engine, "after_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        changes = statement.split(None, 1)[0].upper() in ("CREATE", "ALTER", "DROP", "UPDATE")
        if changes and VERSION_TABLE not in statement:
            statements.append(one_line(statement))

    return statements


def _reason(error: SQLAlchemyError) -> str:
    """Return the database's reason why a migration failed, and its statement."""
    if not isinstance(error, DBAPIError):
        return error_line(error)
    arguments = error.orig.args if error.orig is not None else ()
    table = TABLE.search(str(error.statement))
    if arguments[:1] == (KEY_TOO_LONG,) and table is not None:
        return (
            f"{error_line(error)}: the texts of a key have at most {KEY_CHARACTERS} characters in all on MariaDB and "
            f"MySQL; shorten those of the table {table[1]} in the model and in its migration"
        )
    return f"{error_line(error)} (in: {one_line(str(error.statement))})"


def _state_after_failure(engine: Engine, file: Path, executed: list[str]) -> str:
    """Return what a failed migration, whose file is removed, has left in the database, and what to do."""
    if engine.dialect.name in MYSQL and executed:
        state = f"{file} is removed, and the database keeps what was done before ({'; '.join(executed)})"
    else:
        state = f"{file} is removed, and the database is as before"
    return f"{state}: change the model or the rows, then run `{command('migrate --new')}` again"


def _state_of_project(before: str | None, after: str | None) -> str:
    if after is None:
        return f"there are none yet ({command('migrate --new')})"
    return (
        f"{after} was applied already" if before == after else f"applied from {before or 'none'} to {after}"
    )


def _state(before: str | None, after: str | None) -> str:
    if before == after:
        return f"was up to date: revision {after}"
    if before is None:
        return f"was empty and is now at revision {after}"
    return f"went from revision {before} to {after}"
