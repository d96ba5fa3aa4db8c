"""Wrong input: the crawl prints one line that says what to do, without a traceback, and ends with exit code 1."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import service
from tests.crawler.project_copy import ProjectCopy
from tests.crawls import scrapy

NOTHING = "http://127.0.0.1:1"
NO_RENDERER = ("-s", "RENDERER_ENABLED=0")

CASES = {
    "a database that does not answer": (
        {"DATABASE_URL": "mysql+pymysql://u:secret@127.0.0.1:1/x"},
        "books",
        "Check DATABASE_URL and that the server is running",
    ),
    "an SQLite file that cannot be opened": (
        {"DATABASE_URL": "sqlite:////usr"},
        "books",
        "Check DATABASE_URL and that its folder can be written and the disk has room",
    ),
    "a text that is no database URL": (
        {"DATABASE_URL": "nonsense"},
        "books",
        "write it like mysql+pymysql://USER:PASSWORD@HOST/DATABASE",
    ),
    "an unsupported database": ({"DATABASE_URL": "oracle://x"}, "books", "which is not supported"),
    "an unsupported driver": ({"DATABASE_URL": "mysql://u@h/x"}, "books", "write it with the driver"),
    "a Splash that does not answer": (
        {"SPLASH_URL": NOTHING, "RENDERER_PATIENCE": "1"},
        "books",
        "Start it, correct SPLASH_URL, or",
    ),
    "a text that is no Splash URL": (
        {"SPLASH_URL": "localhost"},
        "books",
        "write it like http://127.0.0.1:8050",
    ),
    "no Chromium": ({"CHROMIUM": "/nowhere/chromium"}, "books", "or run scripts/setup"),
    "an unknown spider": ({}, "bokos", "did you mean 'books'?"),
    "a setting that is no number": (
        {"RETRY_TIMES": "often"},
        "books",
        "RETRY_TIMES='often' is not a whole number",
    ),
    "scripts for a Splash without them": (
        {"SPLASH_SCRIPTS": "0"},
        "quotes",
        "set SPLASH_SCRIPTS=1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_crawl_prints_one_line_about_wrong_input(case: str, tmp_path: Path) -> None:
    env, spider, advice = CASES[case]
    options = NO_RENDERER if "DATABASE_URL" in env else ()
    done = scrapy("crawl", spider, *options, **{"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"} | env)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if advice in line and line[0] not in " {"]
    assert len(said) == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr and "secret" not in done.stderr


def test_the_crawl_names_the_command_for_a_server_whose_schema_is_behind() -> None:
    url = service("TEST_MARIADB_URL", "MariaDB").rpartition("/")[0] + "/mysql"
    done = scrapy("crawl", "books", *NO_RENDERER, DATABASE_URL=url)
    assert done.returncode == 1
    assert "run `scrapy migrate`" in done.stderr and "Traceback" not in done.stderr


SPIDERS = {
    "keyless": (
        """
class Thing(Row):
    __tablename__ = "thing"
    name: Mapped[str] = mapped_column()
""",
        "has no natural key: mark the column",
    ),
    "tableless": (
        """
class Thing(Row):
    __tablename__ = "thing"
    name: Mapped[str] = mapped_column(primary_key=True)

class ThingSpider(SiteSpider):
    name = "thing"
    model = Thing
""",
        "lacks the table thing of the model Thing: run `scrapy migrate --new`",
    ),
    "unknown": (
        """
class ThingSpider(SiteSpider):
    name = "thing"
    model = Quote
    custom_settings = {"RENDERER_ENABLED": False, "ROBOTSTXT_OBEY": False}
    async def start(self):
        yield {"quote_id": 1, "body": "b", "autor": "a"}
""",
        "did you mean 'author'?",
    ),
}


@pytest.mark.parametrize("name", SPIDERS)
def test_the_crawl_prints_the_mistake_in_a_model_or_an_item(name: str, tmp_path: Path) -> None:
    code, advice = SPIDERS[name]
    imports = "from sqlalchemy.orm import Mapped, mapped_column\nfrom models import Quote, Row\n"
    done = crawl_thing(f"{imports}from spiders.base import SiteSpider\n{code}", tmp_path)
    assert done.returncode == 1
    assert advice in done.stderr and "Traceback" not in done.stderr, done.stderr[-2000:]


def test_a_rendered_page_without_a_renderer_stops_the_crawl_at_once(tmp_path: Path) -> None:
    done = crawl_thing(
        """
from spiders.base import SiteSpider

class ThingSpider(SiteSpider):
    name = "thing"
    async def start(self):
        yield self.render("http://127.0.0.1:9/list", self.parse, wait_for="li")
    def parse(self, response):
        return None
""",
        tmp_path,
    )
    assert done.returncode == 4
    assert "RENDERER_ENABLED is off, and http://127.0.0.1:9/list is to be rendered: remove the" in done.stderr
    assert "Traceback" not in done.stderr, done.stderr[-2000:]


def crawl_thing(code: str, folder: Path) -> CompletedProcess[str]:
    """Crawl a spider of this module, without a renderer."""
    (folder / "things.py").write_text(code)
    return scrapy(
        *("crawl", "thing", "-s", "SPIDER_MODULES=things", *NO_RENDERER, "-s", "ROBOTSTXT_OBEY=0"),
        DATABASE_URL=f"sqlite:///{folder}/x.db",
        PYTHONPATH=f"{folder}:{':'.join(sys.path[:1])}",
    )


@pytest.mark.parametrize("command", [("migrate", "--new"), ("try", "thing")])
def test_an_existing_table_that_cannot_be_fed_is_named(command: tuple[str, ...], tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path)
    project.copy("migrations")
    (project.folder / "spiders" / "things.py").write_text(
        """
from models.existing.definition import existing
from spiders.base import SiteSpider
class ThingSpider(SiteSpider):
    name = "thing"
    model = existing("goods", key=["id"], columns=["titel"])
"""
    )
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE goods (id INTEGER PRIMARY KEY, title TEXT)")
    done = project.scrapy(*command, DATABASE_URL=f"sqlite:///{tmp_path}/x.db")
    assert done.returncode == 1, done.stderr
    assert "goods: there is no column 'titel' (any more); its columns are id, title" in done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def test_a_migration_of_incomplete_models_says_so(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path)
    project.copy("migrations")
    url = f"sqlite:///{tmp_path}/x.db"
    (project.folder / "spiders" / "things.py").write_text("x = (")
    for said in ("models that can be loaded\n", "written to "):
        done = project.scrapy("migrate", "--new", DATABASE_URL=url)
        assert done.returncode == 1 and said in done.stdout
        assert done.stderr.splitlines() == [
            "spiders/things.py, line 1 cannot be loaded: SyntaxError: '(' was never closed",
            "scrapy migrate: the models are incomplete: spiders.things cannot be loaded (see above); correct that, "
            "then run `scrapy migrate --new` again",
        ]
        model = SPIDERS["tableless"][0].partition("class ThingSpider")[0]
        (project.folder / "spiders" / "new.py").write_text(
            f"from sqlalchemy.orm import Mapped, mapped_column\nfrom models import Row\n{model}"
        )
    assert project.scrapy("migrate", DATABASE_URL=url).returncode == 0
    (project.folder / "spiders" / "things.py").unlink()
    done = project.scrapy("migrate", "--new", DATABASE_URL=url)
    assert done.returncode == 0 and "column of the models\n" in done.stdout


def test_an_env_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.env").write_bytes(b"CONTACT=caf\xe9\n")
    done = scrapy("list", SPLASHDOWN_ENV_FILE=str(tmp_path / "wrong.env"))
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path / 'wrong.env'} is no text in UTF-8: write it again\n"
