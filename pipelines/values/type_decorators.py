"""The reader for columns with a TypeDecorator of the project: it returns values as the database returns them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Interval, TypeDecorator
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.types import TypeEngine

from pipelines.values.invalid_value import InvalidValue, Reader, quoted

DIALECT = DefaultDialect()


def is_user_type(type_: TypeEngine[Any]) -> bool:
    """Return whether the type is a TypeDecorator with its own conversion of values."""
    if not isinstance(type_, TypeDecorator) or isinstance(type_, Interval):
        return False
    if type(type_).__module__ in ("models.types", "models.existing.types"):
        return False
    overridden = ("process_bind_param", "process_result_value", "bind_processor", "result_processor")
    return any(getattr(type(type_), name) is not getattr(TypeDecorator, name) for name in overridden)


def decorator_reader(type_: TypeEngine[Any], read: Reader | None) -> Reader:
    """Return a reader that reads text like the base type, and leaves other values unchanged.

    It converts the value for the database and back: the value is compared and hashed as the database returns it.
    """
    assert isinstance(type_, TypeDecorator)
    there: Callable[[Any, Any], Any] = type_.process_bind_param
    back: Callable[[Any, Any], Any] = type_.process_result_value

    def read_value(value: Any) -> Any:
        fit = value
        if read is not None:
            try:
                fit = read(value)
            except InvalidValue:
                if isinstance(value, str):
                    raise
        for attempt in (fit, value):
            try:
                converted = back(there(attempt, DIALECT), DIALECT)
                break
            except Exception as error:  # from the code of the type
                wrong = error
        else:
            raise InvalidValue(f"is refused by {type(type_).__name__}: {wrong}: {quoted(value)}")
        kind: Any = type(converted)
        if kind.__eq__ is object.__eq__ or kind.__repr__ is object.__repr__:
            raise InvalidValue(
                f"becomes a {type(converted).__name__}, which cannot be compared: define its __eq__ "
                "and __repr__"
            )
        return converted

    return read_value
