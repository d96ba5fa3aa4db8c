"""A project of its own, from ``splashdown startproject`` to a table: the installed wheel, without the checkout."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.project_folder import CannotMakeProject, make_project
from tests.crawler.installed import Installed
from tests.crawler.project_copy import ProjectCopy
from tests.crawls import ROOT, scrapy
from tests.doc_pages import DocPage

PAGE = DocPage("projects.md")
NEW, TRY = "splashdown new films https://shop.example/films   ", "scrapy try films  "
CLASH = "from models import OURS\n\nassert OURS\n"  # the project's own package, not Splashdown's


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


def test_a_project_beside_the_installed_splashdown_fills_a_table(
    installed: Installed, tmp_path: Path, demo_site: str
) -> None:
    made = installed.run("splashdown", "startproject", "shop", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    project = tmp_path / "shop"
    site = PAGE.block("from sqlalchemy.orm import Mapped").text
    (project / "sites" / "films.py").write_text(
        site.replace("https://shop.example/films", f"{demo_site}/books")
    )
    (project / "sites" / "clash.py").write_text(CLASH)
    (project / "models").mkdir()
    (project / "models" / "__init__.py").write_text("OURS = True\n")
    env = {"CHROMIUM": os.environ.get("CHROMIUM", "")}
    assert installed.run("scrapy", "list", cwd=project).stdout == "films\n"

    refused = installed.run("scrapy", "crawl", "films", cwd=project, **env)
    assert refused.returncode == 1
    assert "lacks the table film of the model Film: run `scrapy migrate --new`" in refused.stderr

    below = project / "deep" / "down"
    below.mkdir(parents=True)
    outputs = {}
    for program, command, *arguments in PAGE.block(TRY).commands:
        done = installed.run(program, command, *arguments, cwd=below, **env)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr[-3000:]}"
        outputs[command] = done.stdout
    assert "film, 20 rows" in outputs["try"] and "nothing was written to the tables" in outputs["try"]
    assert "this project's own revisions: applied from none to 0001" in outputs["migrate"]
    assert (project / "migrations" / "0001_films.py").is_file()
    assert outputs["changes"].count("created") == 20

    database = sqlite3.connect(project / "data" / "splashdown.db")
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert database.execute("SELECT count(*) FROM film").fetchone() == (20,)
    database.close()
    assert not tables & {"book", "quote", "review", "shop_order"}
    assert os.access(project / "scripts" / "crawl", os.X_OK)
    tests = installed.run("pytest", "-q", cwd=project)
    assert tests.returncode in (0, 5), tests.stdout  # 5: there is no saved page yet


def test_a_site_is_made_from_the_url_of_its_list(
    installed: Installed, tmp_path: Path, demo_site: str
) -> None:
    assert installed.run("splashdown", "startproject", "shop", cwd=tmp_path).returncode == 0
    project, outputs = tmp_path / "shop", {}
    env = {"CHROMIUM": os.environ.get("CHROMIUM", "")}
    for program, *arguments in PAGE.block(NEW).commands:
        if program == "python":
            program, *arguments = arguments[1:]
        given = [
            argument.replace("https://shop.example/films", f"{demo_site}/books") for argument in arguments
        ]
        done = installed.run(program, *given, cwd=project, **env)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr[-3000:]}"
        outputs[arguments[0] if arguments else program] = done.stdout
    assert "written: sites/films.py" in outputs["new"] and "20 records" in outputs["new"]
    assert "saved as a test: tests/pages/films/" in outputs["try"]
    assert outputs["changes"].count("created") >= 60  # it follows the next page
    assert "1 passed" in outputs["pytest"]

    again = installed.run("splashdown", "new", "films", f"{demo_site}/books", cwd=project, **env)
    assert again.returncode == 1 and "there is a spider films already" in again.stderr
    for arguments, message in {
        ("Films", demo_site): "is no name for a site",
        ("films2", "shop.example"): "is no URL",
        ("films2",): "it takes a name and the URL",
        ("films2", f"{demo_site}/no-such-page"): "could not be read",
        ("films2", "http://127.0.0.1:9/"): "could not be read",
    }.items():
        refused = installed.run("splashdown", "new", *arguments, cwd=project, **env)
        assert refused.returncode in (1, 2), arguments
        assert message in refused.stderr and "Traceback" not in refused.stderr
    assert {file.name for file in (project / "sites").glob("*.py")} == {"__init__.py", "films.py"}


def test_a_project_of_the_checkout_works_with_the_wheel(installed: Installed, tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "splashdown", "startproject", "shop"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    project = tmp_path / "shop"
    (project / "sites" / "films.py").write_text(PAGE.block("from sqlalchemy.orm import Mapped").text)
    written = scrapy("migrate", "--new", "films", cwd=project, PYTHONPATH=str(ROOT))
    assert written.returncode == 0, written.stderr
    for line in ("list", "migrate", "changes"):
        done = installed.run("scrapy", line, cwd=project)
        assert done.returncode == 0, done.stderr
    assert "0001 was applied already" in installed.run("scrapy", "migrate", cwd=project).stdout


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


@pytest.mark.parametrize(
    ("name", "example"),
    {"Shop": "shop", "my-shop": "my_shop", "class": "", "../shop": "shop", "": "", "1shop": "shop"}.items(),
)
def test_a_name_that_is_no_module_is_refused(name: str, example: str, tmp_path: Path) -> None:
    with pytest.raises(CannotMakeProject, match="is no name for a project") as refused:
        make_project(name, str(tmp_path / "shop"))
    assert str(refused.value).endswith(f"for example {example}" if example else "beginning with a letter")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["json", "scrapy", "splashdown"])
def test_a_name_that_a_module_has_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CannotMakeProject, match=f"choose another one, for example {name}_sites"):
        make_project(name, str(tmp_path / "shop"))
    assert not any(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CannotMakeProject, match=r"is not empty \(it has notes.txt\): choose another folder"):
        make_project("shop", str(tmp_path))
    with pytest.raises(CannotMakeProject, match="is a file: choose another folder"):
        make_project("shop", str(tmp_path / "notes.txt"))
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_project_is_not_made_inside_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = make_project("shop", str(tmp_path / "shop"))
    below = outer / "sites"
    monkeypatch.chdir(below)
    with pytest.raises(
        CannotMakeProject, match=r"would be inside the project .*shop: .* films \.\./\.\./films`"
    ):
        make_project("films")
    assert not (below / "films").exists()
    assert make_project("films", "../../films") == tmp_path / "films"


def test_a_saved_page_of_a_deleted_site_is_one_line(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path)
    case = next((project.folder / "tests" / "pages" / "books").iterdir())
    for file in case.glob("*.json"):
        text = file.read_text("utf-8")
        file.write_text(text.replace('"spider": "books"', '"spider": "bookz"'), "utf-8")
    done = project.test("tests/pages", "--tb=short")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("tests/pages/books/")]
    assert "there is no spider 'bookz'; did you mean 'books'?" in line
    assert "Restore the file of the site, or delete this folder" in line
    assert "Traceback" not in done.stdout and "KeyError" not in done.stdout


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
