"""A line of migrations: a folder of revisions, and the table in which a database stores its revision of them.

Splashdown's own migrations are one line. A project has a second one, so that an update of Splashdown and the project's
own revisions never follow each other.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, String, column, inspect, select, table

from models.migration_files import newest_revision
from models.session import DatabaseUnusable

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

ENVIRONMENT = Path(__file__).parent.parent / "migrations"  # env.py and script.py.mako, for both lines
VERSION_TABLE = "alembic_version"  # Alembic's default, in the schema of the connection
PROJECT_VERSION_TABLE = "alembic_version_project"


@dataclass(frozen=True, kw_only=True)
class Revisions:
    """The revisions in a folder; ``owner`` is for messages.

    The methods import Alembic, because a crawl whose database has the latest schema does not need it.
    """

    folder: Path
    owner: str = "Splashdown"
    version_table: str = VERSION_TABLE
    environment: Path = ENVIRONMENT

    @classmethod
    def of_project(cls, folder: Path) -> Revisions:
        return cls(folder=folder, owner="project", version_table=PROJECT_VERSION_TABLE)

    def config(self, connection: Connection | None = None) -> Config:
        """Return Alembic's configuration; with a connection, for a command that migrates it."""
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(self.environment).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", str(self.folder).replace("%", "%%"))
        config.attributes["version_table"] = self.version_table
        if self.version_table == PROJECT_VERSION_TABLE:
            config.attributes["types_from"] = "splashdown"  # also where the rooms are in this package
        if connection is not None:
            config.attributes["connection"] = connection
        return config

    def script(self) -> ScriptDirectory:
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        return ScriptDirectory.from_config(self.config())

    def head(self) -> str | None:
        """Return the latest revision; None if the folder has none.

        Raises:
            DatabaseUnusable: the migrations do not form one line.
        """
        from alembic.util import CommandError  # noqa: PLC0415

        script = self.script()
        try:
            with warnings.catch_warnings(
                action="error", category=UserWarning
            ):  # two files have the same number
                heads = script.get_heads()
        except (CommandError, UserWarning, SyntaxError, KeyError) as error:
            raise DatabaseUnusable(f"the migrations in {self.folder} cannot be read: {error}") from None
        if len(heads) > 1:
            files = [Path(script.get_revision(head).path).name for head in heads]
            raise DatabaseUnusable(
                f"the migrations in {self.folder} have {len(heads)} ends, {' and '.join(sorted(files))}: "
                "set `down_revision` of one of them to the `revision` of the other"
            )
        return heads[0] if heads else None

    def current(self, connection: Connection) -> str | None:
        """Return the revision that the database has; None before the first one."""
        from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

        options = {"version_table": self.version_table}
        return MigrationContext.configure(connection, opts=options).get_current_revision()

    def is_known(self, revision: str | None) -> bool:
        """Return whether a revision of a database is one of these."""
        return revision is None or revision in {script.revision for script in self.script().walk_revisions()}

    def are_all_applied(self, connection: Connection) -> bool:
        """Return whether the database has the newest revision; False also if only Alembic can tell."""
        if not any(self.folder.glob("[!_.]*.py")):
            return not inspect(connection).has_table(self.version_table)
        newest = newest_revision(self.folder)
        if newest is None or not inspect(connection).has_table(self.version_table):
            return False
        query = select(column("version_num", String())).select_from(table(self.version_table))
        return list(connection.scalars(query)) == [newest]
