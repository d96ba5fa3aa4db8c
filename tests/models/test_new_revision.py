"""``scrapy migrate --new`` writes the next number, once, and refuses migrations that do not form one line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, Table, inspect

import models.schema
from models import Base, Book, Quote, Review, Row
from models.new_revision import new_revision
from models.revisions import Revisions
from models.schema import base_revisions, check_schema, check_tables, upgrade, upgrade_all
from models.session import DatabaseUnusable, make_engine
from tests.pipelines.runs import Run, page


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, to which a test may add some."""
    copy = shutil.copytree(models.schema.MIGRATIONS, tmp_path / "migrations")
    monkeypatch.setattr(models.schema, "MIGRATIONS", copy)
    return copy / "versions"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path}/x.db")
    yield engine
    engine.dispose()


@pytest.fixture
def new_table() -> Iterator[Table]:
    """A table that the models have and no migration creates."""
    table = Table("test_film", Base.metadata, Column("id", Integer, primary_key=True))
    yield table
    Base.metadata.remove(table)


def test_a_new_table_becomes_the_next_revision_once(versions: Path, engine: Engine, new_table: Table) -> None:
    numbers = sorted(file.name[:4] for file in versions.glob("0*.py"))
    file = new_revision(engine, "films").file
    assert file is not None and file.name == f"{int(numbers[-1]) + 1:04d}_films.py"
    upgrade(engine)
    assert inspect(engine).has_table("test_film")
    assert new_revision(engine, "films").file is None


def test_a_table_that_no_model_has_is_left_alone(versions: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE shop_product (id INTEGER PRIMARY KEY, name TEXT)")
        connection.exec_driver_sql("CREATE INDEX by_name ON shop_product (name)")
    assert new_revision(engine, "nothing").file is None
    assert inspect(engine).has_table("shop_product")


def test_a_column_that_no_model_has_keeps_its_values_and_accepts_new_rows(
    versions: Path, engine: Engine
) -> None:
    upgrade(engine)
    run = Run(engine)
    run.commit(page((Quote, {"quote_id": 1, "body": "b", "author": "a", "tags": None})))
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE quote ADD COLUMN old_rating INTEGER NOT NULL DEFAULT 3")
        connection.exec_driver_sql("ALTER TABLE quote ADD COLUMN old_name TEXT")
    made = new_revision(engine, "nothing")
    assert made.file is None and made.left_alone == ("quote.old_rating", "quote.old_name")


OLD_COLUMN = """revision = "0099"
down_revision = {head!r}
def upgrade():
    from alembic import op
    import sqlalchemy as sa
    with op.batch_alter_table("quote") as batch:
        batch.add_column(sa.Column("old_rating", sa.Integer(), nullable=False, server_default="3"))
    with op.batch_alter_table("quote") as batch:
        batch.alter_column("old_rating", server_default=None)
"""


def test_a_required_column_that_no_model_has_becomes_nullable(versions: Path, engine: Engine) -> None:
    _, head = upgrade(engine)
    run = Run(engine)
    run.commit(page((Quote, {"quote_id": 1, "body": "b", "author": "a", "tags": None})))
    (versions / "0099_old_column.py").write_text(OLD_COLUMN.format(head=head))
    made = new_revision(engine, "without a column")
    assert made.file is not None and made.left_alone == ("quote.old_rating",)
    upgrade(engine)
    run.commit(page((Quote, {"quote_id": 2, "body": "b", "author": "a", "tags": None})))
    with engine.connect() as connection:
        query = "SELECT quote_id, old_rating FROM quote ORDER BY 1"
        assert list(map(tuple, connection.exec_driver_sql(query))) == [(1, 3), (2, None)]


def test_a_project_has_a_line_of_revisions_of_its_own(
    engine: Engine, tmp_path: Path, new_table: Table
) -> None:
    project = Revisions.of_project(tmp_path / "own")
    check_schema(engine, project)
    assert not {"book", "quote", "review", "shop_order"} & set(inspect(engine).get_table_names())
    made = new_revision(engine, "films", project)
    assert (
        made.file is not None and made.file.parent == tmp_path / "own" and made.file.name == "0001_films.py"
    )
    assert upgrade_all(engine, project) == [(base_revisions().head(),) * 2, (None, "0001")]
    assert inspect(engine).has_table("test_film")
    check_schema(engine, project)
    assert new_revision(engine, "films", project).file is None
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version_project SET version_num = '0007'")
    with pytest.raises(DatabaseUnusable, match="from a newer project, or its migration is missing"):
        check_schema(engine, project)


REVISION = "revision = {!r}\ndown_revision = {!r}\ndef upgrade(): pass\n"
WRONG = {
    "two ends": (REVISION.format("0099", "0001"), "have 2 ends"),
    "a number that two files have": (REVISION.format("0001", None), "present more than once"),
    "a predecessor that is not there": (REVISION.format("0099", "0098"), "0098"),
    "a syntax error": ("x = (", "never closed (0099_wrong.py, line 1)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_migrations_with_two_ends_are_refused_in_one_line(case: str, versions: Path, engine: Engine) -> None:
    text, message = WRONG[case]
    (versions / "0099_wrong.py").write_text(text)
    with pytest.raises(DatabaseUnusable) as refusal:
        upgrade(engine)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_missing_tables_and_columns_are_named_before_the_crawl(engine: Engine) -> None:
    upgrade(engine)
    both: tuple[type[Row], ...] = (Book, Review)
    check_tables(engine, both)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE review")
        connection.exec_driver_sql("ALTER TABLE book DROP COLUMN rating")
    with pytest.raises(DatabaseUnusable) as refusal:
        check_tables(engine, both)
    assert "the column book.rating of the model Book" in str(refusal.value)
    assert "the table review of the model Review" in str(refusal.value)


NARROWER = """revision = "0099"
down_revision = {head!r}
def upgrade():
    from alembic import op
    import sqlalchemy as sa
    with op.batch_alter_table("quote") as batch:
        batch.alter_column("body", type_=sa.String(5))
"""


def test_rows_of_a_table_that_a_migration_changed_are_compared_again(versions: Path, engine: Engine) -> None:
    _, head = upgrade(engine)
    run = Run(engine)
    run.commit(page((Quote, {"quote_id": 1, "body": "b", "author": "a", "tags": None})))
    assert [one.content_hash is None for one in run.all(Quote)] == [False]
    (versions / "0099_narrower.py").write_text(NARROWER.format(head=head))
    upgrade(engine)
    assert [one.content_hash is None for one in run.all(Quote)] == [True]
