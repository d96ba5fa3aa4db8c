"""How long a query may last."""

from __future__ import annotations

import pytest

from console.database import query_limit


class Connection:
    """A connection of PyMySQL, of which only the server's version is asked."""

    def __init__(self, version: str) -> None:
        self.version = version

    def get_server_info(self) -> str:
        return self.version


@pytest.mark.parametrize(
    ("dialect", "version", "statement"),
    [
        ("postgresql", "", "SET statement_timeout = '15s'"),
        ("mysql", "5.5.5-10.11.19-MariaDB-0+deb12u1", "SET SESSION max_statement_time = 15"),
        ("mysql", "8.0.43", "SET SESSION max_execution_time = 15000"),  # milliseconds
        ("sqlite", "", None),
    ],
)
def test_each_server_has_its_own_statement(dialect: str, version: str, statement: str | None) -> None:
    assert query_limit(dialect, Connection(version), 15) == statement
