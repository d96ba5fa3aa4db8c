"""SQLAlchemy's modules of databases. A process imports them when it uses such a database or such a type.

Each takes 20 to 50 ms, which every command would pay.
"""

from __future__ import annotations

from types import ModuleType


def mysql() -> ModuleType:
    """Return ``sqlalchemy.dialects.mysql``."""
    from sqlalchemy.dialects import mysql  # noqa: PLC0415

    return mysql


def sqlite() -> ModuleType:
    """Return ``sqlalchemy.dialects.sqlite``."""
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415

    return sqlite


def postgresql() -> ModuleType:
    """Return ``sqlalchemy.dialects.postgresql``."""
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql
