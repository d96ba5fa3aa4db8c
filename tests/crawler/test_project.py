"""A project of its own, from ``splashdown startproject`` to a table: the installed wheel, without the checkout."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from crawler.project_folder import CannotMakeProject, make_project
from tests.crawler.installed import Installed
from tests.crawler.project_copy import ProjectCopy

SITE = """
from sqlalchemy.orm import Mapped, mapped_column

from models import SUFFIX
from splashdown import ExactString, LongText, Row, SiteSpider


class Offer(Row):
    __tablename__ = "offer"

    url: Mapped[str] = mapped_column(ExactString(300), primary_key=True)
    title: Mapped[str] = mapped_column(LongText())


class OffersSpider(SiteSpider):
    name = "offers"
    model = Offer
    schedule = "15 3 * * *"

    async def start(self):
        yield self.render(self.settings["DEMO_URL"] + "/books", self.parse, wait_for="//article")

    def parse(self, response):
        for one in response.xpath("//article"):
            yield {"url": one.xpath(".//a/@href").get(), "title": one.xpath("string(.//h3)").get() + SUFFIX}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


def test_a_project_beside_the_installed_splashdown_fills_a_table(
    installed: Installed, tmp_path: Path, demo_site: str
) -> None:
    made = installed.run("splashdown", "startproject", "shop", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    project = tmp_path / "shop"
    (project / "sites" / "offers.py").write_text(SITE)
    (project / "models").mkdir()  # of the project: not Splashdown's
    (project / "models" / "__init__.py").write_text('SUFFIX = "!"\n')
    env = {"CHROMIUM": os.environ.get("CHROMIUM", ""), "DEMO_URL": demo_site}
    assert installed.run("scrapy", "list", cwd=project).stdout == "offers\n"

    refused = installed.run("scrapy", "crawl", "offers", cwd=project, **env)
    assert refused.returncode == 1
    assert "lacks the table offer of the model Offer: run `scrapy migrate --new`" in refused.stderr

    below = project / "deep" / "down"
    below.mkdir(parents=True)
    migrated = installed.run("splashdown", "migrate", "--new", "the offers", cwd=below)
    assert migrated.returncode == 0, migrated.stderr
    assert "this project's own revisions: applied from none to 0001" in migrated.stdout
    assert (project / "migrations" / "0001_the_offers.py").is_file()

    crawled = installed.run("splashdown", "crawl", "offers", cwd=below, **env)
    assert crawled.returncode == 0, crawled.stderr[-3000:]
    database = sqlite3.connect(project / "data" / "splashdown.db")
    with database:
        titles = [title for (title,) in database.execute("SELECT title FROM offer")]
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    assert len(titles) == 20 and all(title.endswith("!") for title in titles)
    assert not tables & {"book", "quote", "review", "shop_order"}

    changes = installed.run("scrapy", "changes", "offer", cwd=below)
    assert changes.stdout.count("created") == 20
    lines = installed.run("scrapy", "schedule", cwd=below).stdout
    assert lines == f"15 3 * * * {project}/scripts/crawl offers\n"
    assert os.access(project / "scripts" / "crawl", os.X_OK)
    tests = installed.run("pytest", "-q", cwd=project)
    assert tests.returncode in (0, 5), tests.stdout  # 5: there is no saved page yet


def test_the_wheel_adds_one_package_and_no_demo(installed: Installed) -> None:
    names = {path.name for path in installed.packages.iterdir()}
    assert names & {"crawler", "models", "spiders", "pipelines", "demo"} == set()
    assert not (installed.packages / "splashdown" / "models" / "book.py").exists()
    assert (installed.packages / "splashdown" / "renderer" / "lua" / "sandbox.lua").is_file()


def test_a_command_outside_of_a_project_says_how_to_make_one(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("splashdown", "crawl", "offers", cwd=tmp_path)
    assert done.returncode == 1
    assert "no project in this folder" in done.stderr and "splashdown startproject" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["Shop", "my-shop", "class", "../shop", "", "1shop"])
def test_a_name_that_is_no_module_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CannotMakeProject, match="is no name for a project"):
        make_project(name, str(tmp_path / "shop"))
    assert not any(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CannotMakeProject, match="is there already"):
        make_project("shop", str(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_all_commands_work_without_the_demo(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path)
    for room, names in (("models", ("book", "order", "quote")), ("spiders", ("books", "orders", "quotes"))):
        for name in names:
            (project.copy(room) / f"{name}.py").unlink()
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    for line in ("list", "migrate", "migrate --new", "runs", "changes", "rejected", "rendering", "replay"):
        done = project.scrapy(*line.split(), **url)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert "Traceback" not in done.stderr and "cannot be loaded" not in done.stderr
    refused = project.scrapy("demo", **url)
    assert refused.returncode == 1 and "the demo's models are not here" in refused.stderr
    assert "Traceback" not in refused.stderr
