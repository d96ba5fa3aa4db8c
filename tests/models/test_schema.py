"""The migrations make exactly the tables of the models, on every database, and a crawl refuses another schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Engine, MetaData, Table, UniqueConstraint, inspect, text
from sqlalchemy.orm import Mapped, mapped_column

from models import Base, Book, Order, Quote, Review
from models.base import ModelError, Row
from models.new_revision import new_revision
from models.revisions import Revisions
from models.schema import DEMO_TABLES, base_revisions, check_schema, check_tables, upgrade, upgrade_all
from models.session import DatabaseUnusable, for_writing, make_engine, shown
from models.types import ExactString
from tests.pipelines.own_tables import set_apart, there


def drop_everything(engine: Engine) -> None:
    with for_writing(engine).begin() as connection:
        found = MetaData()
        found.reflect(connection)
        found.drop_all(connection)


@pytest.fixture
def bare(engine: Engine) -> Iterator[Engine]:
    """The database without any table."""
    drop_everything(engine)
    yield engine
    drop_everything(engine)
    upgrade(engine)


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    assert {model.__tablename__ for model in (Book, Order, Quote, Review)} <= set(Base.metadata.tables)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    before, after = upgrade(engine)
    assert before == after


def test_the_migrations_can_be_downgraded(bare: Engine) -> None:
    upgrade(bare)
    with for_writing(bare).begin() as connection:
        command.downgrade(base_revisions().config(connection), "base")
        found = MetaData()
        found.reflect(connection)
        assert set(found.tables) <= {"alembic_version"}


def test_a_server_without_tables_is_refused_and_a_file_is_migrated(bare: Engine) -> None:
    if bare.dialect.name == "sqlite":
        check_schema(bare)
        with bare.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM book")).scalar() == 0
        return
    with pytest.raises(DatabaseUnusable, match="run `scrapy migrate`"):
        check_schema(bare)


def test_the_schema_of_a_newer_splashdown_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('newer')}/x.db")
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="newer Splashdown"):
        check_schema(engine)


def test_a_model_without_a_key_is_refused_with_a_hint() -> None:
    with pytest.raises(ModelError, match="primary_key=True"):
        type(
            "Keyless",
            (Row,),
            {"__tablename__": "test_keyless", "__annotations__": {"a": Mapped[int]}, "__module__": __name__},
        )
    if "test_keyless" in Base.metadata.tables:
        Base.metadata.remove(Base.metadata.tables["test_keyless"])


OWN = """revision = "{number}"
down_revision = {before!r}
def upgrade():
    from alembic import op
    import sqlalchemy as sa
    {change}
"""


def test_an_update_and_the_own_revisions_of_a_project_do_not_collide(bare: Engine, tmp_path: Path) -> None:
    project = Revisions.of_project(tmp_path)

    def write(number: str, before: str | None, change: str) -> None:
        (tmp_path / f"{number}_own.py").write_text(OWN.format(number=number, before=before, change=change))

    # The project was made with an earlier version of Splashdown, and has used the number of a later revision of it.
    with for_writing(bare).begin() as connection:
        command.upgrade(base_revisions().config(connection), "0006")
    write("0001", None, "op.create_table('own', sa.Column('id', sa.Integer(), primary_key=True))")
    upgrade(bare, project)
    with bare.begin() as connection:
        connection.execute(text("INSERT INTO own (id) VALUES (7)"))
    write("0007", "0001", "op.add_column('own', sa.Column('more', sa.Integer(), nullable=True))")

    assert upgrade_all(bare, project) == [("0006", base_revisions().head()), ("0001", "0007")]
    check_schema(bare, project)
    with bare.connect() as connection:
        assert list(map(tuple, connection.execute(text("SELECT id, more FROM own")))) == [(7, None)]
        assert not [name for name in DEMO_TABLES if name not in inspect(connection).get_table_names()]


class Poster(Row):
    __tablename__ = "test_poster"
    film: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str | None] = mapped_column(ExactString(20))


set_apart(Poster)
OTHER_KEYS = {
    "number": "has the key (number)",
    "film number title": "has the key (film, number, title)",
    "": "has no key",
}


@pytest.mark.parametrize("key", OTHER_KEYS)
def test_a_table_with_another_key_than_its_model_is_refused(key: str, engine: Engine, tmp_path: Path) -> None:
    columns = [
        Column(column.name, column.type, primary_key=column.name in key.split(), autoincrement=False)
        for column in Poster.table().columns
    ]
    Table("test_poster", MetaData(), *columns).create(engine)
    with there(engine, Poster):
        with pytest.raises(DatabaseUnusable) as refusal:
            check_tables(engine, [Poster])
        with pytest.raises(DatabaseUnusable) as refusal_of_migration:
            new_revision(engine, "key", Revisions.of_project(tmp_path))
    assert str(refusal.value) == str(refusal_of_migration.value)
    assert f"the table test_poster of the database at {shown(engine.url)} {OTHER_KEYS[key]}, and" in str(
        refusal.value
    )
    assert str(refusal.value).endswith(
        "its model Poster has the key (film, number), which `scrapy migrate --new` cannot change: rename the table in "
        "the model (`__tablename__` in Python, `table:` in YAML), then run `scrapy migrate --new`"
    )
    assert list(tmp_path.glob("*.py")) == []


def test_an_equal_key_is_accepted(engine: Engine) -> None:
    columns = [Column(column.name, column.type) for column in Poster.table().columns]
    unique = UniqueConstraint("number", "film", name="uq_of_the_key")
    Table("test_poster", MetaData(), *columns, unique).create(engine)
    with there(engine, Poster):
        check_tables(engine, [Poster])
    with there(engine, Poster):
        check_tables(engine, [Poster])
