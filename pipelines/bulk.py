"""Many rows into a table: the SQL is compiled once, and the rows go to the driver's ``executemany`` as tuples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any

from sqlalchemy import Dialect, Table
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert


def insert_rows(
    session: Session, insert: Insert, columns: Mapping[str, Sequence[Any]], same: Mapping[str, Any]
) -> None:
    """Insert rows that are given by their columns, each with the values in ``same`` besides.

    What SQLAlchemy would look up and bind for every value of every row is done a column at a time here, and once for
    what is the same in all rows.

    Raises:
        StatementError: a value cannot be bound, or (DBAPIError) the database refuses a row.
    """
    names = (*columns, *same)
    plan = _plan(insert, session.get_bind().dialect, names)
    if plan is None:
        rows = zip(*columns.values(), *map(repeat, same.values()))  # noqa: B905 - repeat() has no end
        session.execute(insert, [dict(zip(names, row, strict=True)) for row in rows])
        return
    try:
        bound: list[Iterable[Any]] = []
        for name, bind in plan.parameters:
            if name in same:
                bound.append(repeat(bind(same[name]) if bind else same[name]))
            else:
                bound.append(map(bind, columns[name]) if bind else columns[name])
        parameters = list(zip(*bound))  # noqa: B905
    except Exception as error:  # of a type's own code: the row is at fault, not the writer
        raise StatementError(str(error), plan.sql, None, error) from error
    session.connection().exec_driver_sql(plan.sql, parameters)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    sql: str
    parameters: tuple[
        tuple[str, Callable[[Any], Any] | None], ...
    ]  # a column, and what its values need if anything


@lru_cache(maxsize=256)
def _plan(insert: Insert, dialect: Dialect, names: tuple[str, ...]) -> _Plan | None:
    """How the driver is called; nothing where a column that is not given has a default that SQLAlchemy makes."""
    compiled = insert.inline().compile(dialect=dialect, column_keys=list(names))
    assert isinstance(compiled, SQLCompiler) and isinstance(insert.table, Table)
    order = compiled.positiontup or []
    if set(order) != set(names):
        return None
    binds = {name: insert.table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in order}
    return _Plan(sql=str(compiled), parameters=tuple((name, binds[name]) for name in order))
