"""``scrapy migrate --new`` says what it did to the database, although it applies older revisions before it compares."""

from __future__ import annotations

from pathlib import Path

from tests.crawler.project_copy import ProjectCopy

SITE = "start: https://shop.example/films\nkey: name\nlist: {record: article, fields: {name: h3}}\n"


def test_a_new_database_was_empty_before_the_command(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path)
    project.copy("spiders")
    project.copy("migrations")
    (project.folder / "spiders" / "films.yaml").write_text(SITE)
    url = f"sqlite:///{tmp_path}/x.db"
    first = project.scrapy("migrate", "--new", "films", DATABASE_URL=url)
    assert first.returncode == 0, first.stderr
    (file,) = (project.folder / "migrations").rglob("*_films.py")
    number = file.name.partition("_")[0]
    assert first.stdout.splitlines()[-1].endswith(f"x.db was empty and is now at revision {number}")
    second = project.scrapy("migrate", "--new", DATABASE_URL=url)
    assert second.stdout.splitlines()[-1].endswith(f"x.db was up to date: revision {number}")
