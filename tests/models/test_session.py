"""A wrong DATABASE_URL has an error of one line that says what to do and never has a password."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from models.session import DatabaseUnusable, check_connection, make_engine, shown
from tests.conftest import service


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("bla", "is not a database URL"),
        ("mysql://u:geheim@h/d", "mysql+pymysql://USER"),
        ("postgres://u:geheim@h/d", "postgresql+psycopg://USER"),
        ("oracle://u:geheim@h/d", "not supported"),
        ("mysql+pymysql://u:geheim@h", "names no database"),
        ("u:geheim@h", "is not a database URL"),
    ],
)
def test_the_error_of_a_wrong_url_shows_a_right_one(url: str, says: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        make_engine(url)
    assert says in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["mysql+pymysql", "postgresql+psycopg"])
def test_an_unreachable_server_is_reported_in_one_line(scheme: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        check_connection(make_engine(f"{scheme}://u:geheim@127.0.0.1:9/d"))
    assert "cannot open the database" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_error_of_a_wrong_password_does_not_repeat_it() -> None:
    url = make_engine(service("TEST_MARIADB_URL", "MariaDB")).url.set(username="nobody", password="geheim")
    with pytest.raises(DatabaseUnusable) as caught:
        check_connection(make_engine(url.render_as_string(hide_password=False)))
    assert "Access denied" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/new/folder/x.db")
    check_connection(engine)
    assert (tmp_path / "new/folder/x.db").exists()
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has the option")
def test_a_connection_whose_server_is_gone_is_lost_after_a_minute(server_url: str) -> None:
    """A worker whose cable is pulled would otherwise hang in a statement."""
    engine = make_engine(server_url)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        number = driver.fileno() if engine.dialect.name == "postgresql" else driver._sock.fileno()
        with socket.socket(fileno=os.dup(number)) as of_driver:
            options = ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            found = [of_driver.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options]
            assert found == [60_000, 30, 10, 3]
            assert of_driver.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    engine.dispose()


def test_a_url_may_have_other_limits_of_a_connection_to_postgresql() -> None:
    url = service("TEST_POSTGRESQL_URL", "PostgreSQL")
    engine = make_engine(f"{url}?tcp_user_timeout=5000")
    with engine.connect() as connection:
        parameters = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    engine.dispose()
    assert (parameters["tcp_user_timeout"], parameters["keepalives_idle"]) == ("5000", "30")


@pytest.mark.parametrize("password", ["p@geheim", "geheim@/d#?:%x", "geheim@x@y"])
def test_a_password_that_is_not_encoded_is_refused_without_repeating_it(password: str) -> None:
    for scheme in ("mysql+pymysql", "postgresql+psycopg"):
        with pytest.raises(DatabaseUnusable, match="write @ as %40") as caught:
            make_engine(f"{scheme}://u:{password}@h/d")
        assert "geheim" not in str(caught.value)
        assert shown(f"{scheme}://u:{password}@h/d") == f"{scheme}://u:***@h/d"


def test_an_at_in_a_query_or_a_file_name_is_accepted() -> None:
    assert make_engine("postgresql+psycopg://u:p@h/d?application_name=a@b").url.host == "h"
    assert make_engine("mysql+pymysql://u:p%40q@h/d").url.password == "p@q"
    assert make_engine("sqlite:////tmp/types@1/x.db").url.database == "/tmp/types@1/x.db"


def test_a_password_is_never_shown() -> None:
    assert shown("mysql+pymysql://u:geheim@h/d") == "mysql+pymysql://u:***@h/d"
