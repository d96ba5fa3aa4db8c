"""Models of one test: no migration creates their tables, and other tests do not see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import configure_mappers

from models import Base, Row


def set_apart(*models: type[Row]) -> None:
    """Remove the models from the project's metadata. Call it after their definition."""
    configure_mappers()
    for model in models:
        for key in model.table().foreign_keys:
            key.column  # noqa: B018 - looked up while its table can be found by name
    for model in models:
        Base.metadata.remove(model.table())


@contextmanager
def there(engine: Engine, *models: type[Row]) -> Iterator[None]:
    """Add the models to the project's metadata and create their tables, parents first; undo both at the end."""
    tables: Sequence[type[Row]] = models
    for model in tables:
        Base.metadata._add_table(model.__tablename__, None, model.table())
    try:
        with engine.begin() as connection:
            Base.metadata.create_all(connection, [model.table() for model in tables])
        yield
    finally:
        with engine.begin() as connection:
            Base.metadata.drop_all(connection, [model.table() for model in tables])
        for model in tables:
            Base.metadata.remove(model.table())
