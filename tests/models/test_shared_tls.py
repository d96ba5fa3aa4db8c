"""Connections to MySQL and MariaDB without options of TLS: they do what pymysql does, without authorities."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from pymysql.connections import Connection
from sqlalchemy import text

from models import shared_tls
from models.session import make_engine
from tests.conftest import DATABASES, service


def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each load of certificates of authorities adds a line."""
    found: list[str] = []
    for name in ("load_default_certs", "load_verify_locations"):
        monkeypatch.setattr(ssl.SSLContext, name, lambda *_, name=name, **__: found.append(name))
    return found


def connect(query: str) -> None:
    engine = make_engine(service(*DATABASES["mariadb"]) + query)  # type: ignore[misc]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_a_connection_loads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch)
    connect("")
    assert found == []


def test_a_connection_with_an_authority_loads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch)
    with pytest.raises(
        Exception, match="SSL"
    ):  # the server of the tests has no TLS, which these options demand
        connect("?ssl_ca=/authority.pem")
    assert "load_verify_locations" in found


def test_the_context_is_that_of_pymysql() -> None:
    class Unconnected(Connection):  # type: ignore[type-arg]
        def connect(self, *_: Any) -> None: ...

    shared, own = shared_tls.context(), Unconnected(defer_connect=True)._create_ssl_ctx({})  # type: ignore[attr-defined]
    for name in (
        "protocol",
        "verify_mode",
        "check_hostname",
        "options",
        "minimum_version",
        "maximum_version",
    ):
        assert getattr(shared, name) == getattr(own, name), name
    assert shared.get_ciphers() == own.get_ciphers()
