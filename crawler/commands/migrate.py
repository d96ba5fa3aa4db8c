"""``scrapy migrate``: bring the schema of the database up to date."""

from __future__ import annotations

import argparse

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from crawler.database import project_revisions
from crawler.database_command import CommandFailed, DatabaseCommand
from crawler.security.plain_text import one_line
from models.command_name import command
from models.error_text import error_line
from models.new_revision import new_revision
from models.revisions import Revisions
from models.schema import upgrade_all
from models.session import shown


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
            if opts.new is not None:
                self._write(engine, opts.new, project)
            try:
                lines = upgrade_all(engine, project)
            except SQLAlchemyError as error:
                statement = (
                    f" (in: {one_line(str(error.statement))})" if isinstance(error, DBAPIError) else ""
                )
                raise CommandFailed(f"the migration failed: {error_line(error)}{statement}") from error
            print(f"{shown(engine.url)} {_state(*lines[0])}")
            if project is not None:
                print(f"this project's own revisions: {_state_of_project(*lines[1])}")

    def _write(self, engine: Engine, message: str, project: Revisions | None) -> None:
        new = new_revision(engine, message, project)
        if new.left_alone:
            print(f"left alone, since no model has them: {', '.join(new.left_alone)}")
        if new.file is None:
            print("no new migration: the database has every table and column of the models")
            return
        print(new.file.read_text("utf-8"))
        print(f"written to {new.file}: read it and commit it with your code")


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
