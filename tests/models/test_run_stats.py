"""The models that a run counts: a model whose migration is not applied must not stop the crawls of other spiders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import Base, Quote, Row
from models.run_stats import count_run, stored_models
from models.schema import upgrade
from models.session import make_engine
from models.types import ExactString


@pytest.fixture
def new_model() -> Iterator[type[Row]]:
    """A model that no migration has a table for."""
    attributes = {
        "__tablename__": "not_there_yet",
        "__annotations__": {"name": Mapped[str]},
        "name": mapped_column(ExactString(20), primary_key=True),
    }
    model = type("NotThereYet", (Row,), attributes)
    yield model
    Base.metadata.remove(model.table())


def test_a_model_without_its_table_or_a_column_is_not_counted(new_model: type[Row], tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/x.db")
    upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE shop_order DROP COLUMN total")
    with Session(engine) as session:
        names = {model.__tablename__ for model in stored_models(session)}
        assert Quote.__tablename__ in names
        assert not names & {"not_there_yet", "shop_order"}
        assert count_run(session, 1).rows == {}
    engine.dispose()
