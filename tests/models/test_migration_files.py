"""The newest revision as the migrations' files say it, which must be what Alembic says."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.migration_files import newest_revision
from models.schema import base_revisions


def migration(folder: Path, name: str, revision: str, before: str | None, more: str = "") -> None:
    (folder / f"{name}.py").write_text(
        f'"""A migration."""\n\nrevision: str = {revision!r}\ndown_revision = {before!r}\n{more}', "utf-8"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    migration(tmp_path, "b", "0001", None)
    migration(tmp_path, "a", "0002", "0001", "branch_labels = None\n")
    (tmp_path / "__init__.py").write_text("", "utf-8")
    return tmp_path


def test_the_newest_revision_of_our_migrations_is_alembics() -> None:
    revisions = base_revisions()
    assert newest_revision(revisions.folder) == revisions.head()


def test_the_newest_revision_is_the_end_of_the_line(folder: Path) -> None:
    assert newest_revision(folder) == "0002"


def test_a_file_that_changes_is_read_again(folder: Path) -> None:
    assert newest_revision(folder) == "0002"
    migration(folder, "a", "0007", "0001")
    assert newest_revision(folder) == "0007"


@pytest.mark.parametrize(
    ("revision", "before", "more"),
    [
        ("0003", "0001", ""),  # two ends
        ("0002", "0002", ""),  # a revision that exists
        ("0003", "0009", ""),  # no line
        ("0003", None, ""),  # two beginnings
        ("0003", "0002", "depends_on = '0001'\n"),
        ("0003", "0002", "branch_labels = ('x',)\n"),
        ("0003", "0002", "def upgrade(:\n"),  # no Python
        ("0003", "0002", "revision = name()\n"),
    ],
)
def test_files_that_do_not_form_one_line_are_left_to_alembic(
    folder: Path, revision: str, before: str | None, more: str
) -> None:
    migration(folder, "c", revision, before, more)
    assert newest_revision(folder) is None


def test_a_folder_without_migrations_has_no_newest_revision(tmp_path: Path) -> None:
    assert newest_revision(tmp_path) is None
    assert newest_revision(tmp_path / "missing") is None
