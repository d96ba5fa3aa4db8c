"""A copy of an existing table for a trial, which writes nothing into the table itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Column, Engine, MetaData, Table

from models.existing.definition import ExistingRow
from models.existing.field_type import trial_type


def copy_for_trial(models: Iterable[type[ExistingRow]], engine: Engine) -> None:
    """Create a copy of each table, without rows and with the mapped columns only, in the database of a trial."""
    copies = MetaData()
    for model in models:
        if model.reflected is None:
            continue
        columns = {
            name: Column(column.name, trial_type(model.reflected.fields[name].type))
            for name, column in model.reflected.columns.items()
        }
        table = Table(f"copy_of_{model.reflected.bookkeeping.name}", copies, *columns.values())
        by_field = {name: table.c[column.name] for name, column in columns.items()}
        model.reflected = replace(
            model.reflected,
            table=table,
            columns=by_field,
            values=by_field,
            parents={},
            rows=table,
            parent_keys=(),
            has_zero_dates=False,
            gone=None,
        )
    copies.create_all(engine)
