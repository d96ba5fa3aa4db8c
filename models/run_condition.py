"""The condition that a row belongs to a run, for the statements of a crawl in its own run."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Integer, SQLColumnExpression, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _UnplannedValue(FunctionElement[int]):
    """A value that PostgreSQL does not have while it plans the statement."""

    type = Integer()
    inherit_cache = True


@compiles(_UnplannedValue)
def _plain(element: _UnplannedValue, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_UnplannedValue, "postgresql")
def _subquery(element: _UnplannedValue, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT {compiler.process(element.clauses, **options)})"


def in_run(column: SQLColumnExpression[int], run_id: int | BindParameter[int]) -> ColumnElement[bool]:
    """Return the condition that ``column`` is ``run_id``.

    The statistics of PostgreSQL do not have a new run before it analyzes the table. So it would expect one row of that
    run, and read all rows of the run by any index that begins with the run, where the rows are to be found by their
    number; or compare each row of the run with each other one. A subquery has no value while the statement is planned:
    then PostgreSQL expects as many rows as other runs have.

    A statement that looks for any one row (LIMIT 1) compares the column itself: PostgreSQL would read the table in its
    order if it expected many such rows.
    """
    value = run_id if isinstance(run_id, BindParameter) else literal(run_id, Integer())
    return column == _UnplannedValue(value)
