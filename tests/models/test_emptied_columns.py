"""``scrapy migrate --new`` empties a column whose old values have no meaning in its new type, and keeps all others."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Engine,
    Enum,
    Integer,
    MetaData,
    Table,
    inspect,
    select,
)
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeEngine

from crawler.commands.migrate import Command
from models import Base, CrawlRun, Row
from models.new_revision import NewRevision, new_revision
from models.revisions import Revisions
from models.schema import upgrade_all
from models.session import DatabaseUnusable, for_writing
from models.types import ExactNumeric, ExactString, LongText, UtcDateTime
from tests.pipelines.runs import Run, page

numbers = count()
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Film:
    """A model whose table in the database has the type that its column ``length`` had before."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.project = Revisions.of_project(folder / "own")
        self.model: type[Row] | None = None
        self.run = Run(engine)

    def was(
        self,
        old: TypeEngine[Any],
        new: TypeEngine[Any],
        *values: Any,
        nullable: tuple[bool, bool] = (True, True),
    ) -> type[Row]:
        """Make the model with the new type, and the table with the old one and a row for each value."""
        name = f"test_changed_{next(numbers)}"
        body = {
            "__tablename__": name,
            "__module__": __name__,
            "slug": mapped_column(ExactString(20), primary_key=True),
            "length": mapped_column(new, nullable=nullable[1]),
        }
        self.model = type(Row)(f"Film{name}", (Row,), body)
        metadata = MetaData()
        CrawlRun.__table__.to_metadata(metadata)  # type: ignore[attr-defined]
        table = self.model.table().to_metadata(metadata)
        table.c.length.type, table.c.length.nullable = old, nullable[0]
        table.create(self.engine)
        with self.engine.begin() as connection:
            for number, value in enumerate(values):
                connection.execute(
                    table.insert().values(
                        slug=str(number),
                        length=value,
                        first_seen_at=NOW,
                        last_seen_at=NOW,
                        run_id=self.run.claimed.id,
                        content_hash=b"0" * 16,
                    )
                )
        return self.model

    def migrate(self) -> NewRevision:
        made = new_revision(self.engine, "changed", self.project)
        upgrade_all(self.engine, self.project)
        return made

    def lengths(self) -> list[Any]:
        assert self.model is not None
        with self.engine.connect() as connection:
            table = self.model.table()
            return list(connection.scalars(select(table.c.length).order_by(table.c.slug)))


@pytest.fixture
def film(engine: Engine, tmp_path: Path) -> Iterator[Film]:
    before = set(inspect(engine).get_table_names())
    film = Film(engine, tmp_path)
    yield film
    if film.model is not None:
        Base.metadata.remove(film.model.table())
    with for_writing(engine).begin() as connection:
        found = MetaData()
        found.reflect(connection)
        found.drop_all(connection, [table for name, table in found.tables.items() if name not in before])


UNREADABLE: dict[str, tuple[TypeEngine[Any], TypeEngine[Any], Any, Any]] = {
    "text to datetime": (ExactString(20), UtcDateTime(), "30 Aug", datetime(2026, 8, 30, tzinfo=UTC)),
    "long text to datetime": (LongText(), UtcDateTime(), "2m", datetime(2026, 8, 30, tzinfo=UTC)),
    "text to date": (ExactString(20), Date(), "2m", date(2026, 8, 30)),
    "text to integer": (ExactString(20), Integer(), "2h", 120),
    "text to decimal": (ExactString(20), ExactNumeric(10, 2), "2h", Decimal("1.50")),
    "text to long decimal": (ExactString(40), ExactNumeric(30, 2), "2h", Decimal("1.50")),
    "text to boolean": (ExactString(20), Boolean(), "yes", True),
    "number to datetime": (Integer(), UtcDateTime(), 7, datetime(2026, 8, 30, tzinfo=UTC)),
    "datetime to number": (UtcDateTime(), Integer(), NOW, 7),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_column_whose_values_have_no_meaning_in_its_new_type_is_emptied(case: str, film: Film) -> None:
    old, new, before, after = UNREADABLE[case]
    model = film.was(old, new, before, before, None)
    made = film.migrate()
    assert made.file is not None and len(made.emptied) == 1
    said = str(made.emptied[0])
    assert said.startswith(f"{model.__tablename__}.length was ")
    assert said.endswith(
        "the migration removes the old values of this column from the table; "
        "the history keeps them, and the next crawl stores the site's values"
    )
    assert film.lengths() == [None, None, None]
    film.run.commit(page(*((model, {"slug": str(number), "length": after}) for number in range(3))))
    assert film.lengths() == [after] * 3
    assert new_revision(film.engine, "again", film.project).file is None


CHOICE = Enum("a", "b", name="c", native_enum=False)
LONGER_CHOICE = Enum("a", "b", "long", name="c", native_enum=False)
KEPT: dict[str, tuple[TypeEngine[Any], TypeEngine[Any], Any, Any]] = {
    "a larger integer": (Integer(), BigInteger(), 7, 7),
    "a longer text": (ExactString(20), ExactString(60), "2m", "2m"),
    "a text of any length": (ExactString(20), LongText(), "2m", "2m"),
    "integer to decimal": (Integer(), ExactNumeric(12, 2), 7, Decimal("7.00")),
    "a longer decimal": (ExactNumeric(20, 2), ExactNumeric(30, 2), Decimal("7.25"), Decimal("7.25")),
    "integer to text": (Integer(), ExactString(20), 7, "7"),
    "a further choice": (CHOICE, LONGER_CHOICE, "b", "b"),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_column_whose_values_survive_the_change_keeps_them(case: str, film: Film) -> None:
    old, new, before, after = KEPT[case]
    film.was(old, new, before, None)
    made = film.migrate()
    assert made.emptied == ()
    assert film.lengths() == [after, None]


def test_a_required_column_becomes_nullable_before_it_is_emptied(film: Film) -> None:
    model = film.was(ExactString(20), UtcDateTime(), "2m", nullable=(False, True))
    made = film.migrate()
    assert len(made.emptied) == 1 and film.lengths() == [None]
    film.run.commit(page((model, {"slug": "1", "length": NOW})))
    assert film.lengths() == [None, NOW]
    assert new_revision(film.engine, "again", film.project).file is None


def test_a_column_that_the_model_requires_is_refused_before_a_file_is_written(film: Film) -> None:
    model = film.was(ExactString(20), UtcDateTime(), "2m", nullable=(False, False))
    with pytest.raises(DatabaseUnusable) as refusal:
        new_revision(film.engine, "changed", film.project)
    assert str(refusal.value) == (
        f"{model.__tablename__}.length was text and becomes a date and time, so a migration must remove its old "
        f"values, but the model {model.__name__} has no row without it: let it be empty (Mapped[... | None] in Python, "
        "required: false in YAML), then run `scrapy migrate --new`"
    )
    assert list(film.project.folder.glob("*.py")) == []


def test_a_column_of_the_key_is_not_emptied(film: Film) -> None:
    model = film.was(Integer(), Integer(), 7)
    model.table().c.slug.type = Integer()
    with pytest.raises(DatabaseUnusable) as refusal:
        new_revision(film.engine, "changed", film.project)
    assert str(refusal.value) == (
        f"{model.__tablename__}.slug was text and becomes a number, so a migration must remove its old values, but it "
        f"is in the key of the model {model.__name__}: rename the table in the model (`__tablename__` in Python, "
        "`table:` in YAML), then run `scrapy migrate --new`"
    )
    assert list(film.project.folder.glob("*.py")) == []


def test_a_required_column_of_a_table_without_rows_gets_its_new_type(film: Film) -> None:
    film.was(ExactString(20), UtcDateTime(), nullable=(False, False))
    film.migrate()
    assert new_revision(film.engine, "again", film.project).file is None


def migrate_new(film: Film) -> int:
    """Run `scrapy migrate --new` with the migrations of the film; return its exit code."""
    command = Command()
    command.settings = Settings(
        {
            "DATABASE_URL": film.engine.url.render_as_string(hide_password=False),
            "PROJECT_MIGRATIONS": str(film.project.folder),
        }
    )
    command.add_options(argparse.ArgumentParser())
    command.run([], argparse.Namespace(new="changed"))
    return command.exitcode


@pytest.fixture
def new_table() -> Iterator[Table]:
    """A table that the models have and no migration creates."""
    table = Table("test_a_new_table", Base.metadata, Column("id", Integer, primary_key=True))
    yield table
    Base.metadata.remove(table)


def test_a_migration_that_fails_is_removed(
    film: Film, new_table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    model = film.was(ExactString(20), ExactString(20), "2m", None, nullable=(True, False))
    assert migrate_new(film) == 1
    said = capsys.readouterr().err
    file = film.project.folder / "0001_changed.py"
    assert said.startswith("scrapy migrate: the migration failed: ") and said.count("\n") == 1
    is_created = film.engine.dialect.name == "mysql"  # each of its statements is a transaction
    state = (
        "the database keeps what was done before (CREATE TABLE test_a_new_table ("
        if is_created
        else "the database is as before: "
    )
    assert f"; {file} is removed, and {state}" in said
    assert said.endswith(": change the model or the rows, then run `scrapy migrate --new` again\n")
    assert inspect(film.engine).has_table(new_table.name) is is_created
    assert not file.exists() and film.lengths() == ["2m", None]

    model.table().c.length.nullable = True
    assert migrate_new(film) == 0
    assert inspect(film.engine).has_table(new_table.name)


@pytest.fixture
def table_with_a_long_key() -> Iterator[Table]:
    column = Column("a", ExactString(400), primary_key=True)
    table = Table("test_long_key", Base.metadata, column, Column("b", ExactString(400), primary_key=True))
    yield table
    Base.metadata.remove(table)


def test_a_key_that_is_too_long_for_mariadb_is_named(
    film: Film, table_with_a_long_key: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    is_too_long = film.engine.dialect.name == "mysql"
    assert migrate_new(film) == int(is_too_long)
    if is_too_long:
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "Specified key was too long" in said
        assert (
            ": the texts of a key have at most 768 characters in all on MariaDB and MySQL; shorten those of the "
            "table test_long_key in the model and in its migration; " in said
        )
