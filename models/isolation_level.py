"""The isolation level of a connection: a lost connection is a DBAPIError when the level is set, as in any statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError


def wrap_errors_of_level(engine: Engine) -> None:
    """Let the engine raise DBAPIError, and not the error of the driver, if it cannot set the level of a connection."""
    dialect: Any = engine.dialect
    set_level = dialect.set_isolation_level

    def set_isolation_level(connection: Any, level: str) -> None:
        try:
            set_level(connection, level)
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                f"SET TRANSACTION ISOLATION LEVEL {level}",
                None,
                error,
                dialect.loaded_dbapi.Error,
                connection_invalidated=dialect.is_disconnect(error, connection, None),
                dialect=dialect,
            ) from error

    dialect.set_isolation_level = set_isolation_level
