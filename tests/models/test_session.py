"""DATABASE_URL, right and wrong: one line that says what to do, and never a password in it."""

from __future__ import annotations

from pathlib import Path

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
def test_a_wrong_url_is_refused_with_the_right_spelling(url: str, says: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        make_engine(url)
    assert says in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["mysql+pymysql", "postgresql+psycopg"])
def test_a_server_that_is_not_there_is_said_in_one_line(scheme: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        check_connection(make_engine(f"{scheme}://u:geheim@127.0.0.1:9/d"))
    assert "cannot open the database" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_password_is_said_without_repeating_it() -> None:
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


def test_a_password_is_never_shown() -> None:
    assert shown("mysql+pymysql://u:geheim@h/d") == "mysql+pymysql://u:***@h/d"
