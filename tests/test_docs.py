"""The docs: the code in docs/spiders.md runs, and the files and commands that the pages name exist."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
from scrapy.utils.misc import load_object

import splashdown
from models import Base
from tests.doc_pages import DocPage

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), ROOT / "renderer" / "README.md"]
EXAMPLES = {"models/film.py", "spiders/films.py"}  # files that docs/spiders.md asks the reader to write
SCRAPY_COMMANDS = {"edit", "settings", "startproject", "version"}  # without a file in crawler/commands


def test_the_model_of_the_docs_has_the_columns_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DocPage("spiders.md").block("# models/film.py").text
    (tmp_path / "film_of_the_docs.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    film = importlib.import_module("film_of_the_docs").Film
    try:
        assert film.key() == ("slug",)
        assert film.untracked() == {"views"}
        assert set(film.fields()) == {"slug", "title", "price", "released", "views"}
    finally:
        for name in ("film_role", "film"):
            Base.metadata.remove(Base.metadata.tables[name])


OFFERED = "What does `splashdown` offer to a site's file?"


def test_the_docs_have_each_name_that_a_project_imports_with_its_signature() -> None:
    section = DocPage("spiders.md").text.partition(f"## {OFFERED}")[2].partition("\n## ")[0]
    shown = dict(re.findall(r"`(\w+)(\([^`]*\))?`", section.partition("`found` is")[0]))
    assert sorted(name for name in splashdown.__all__ if name not in shown) == []
    for name in ("text_of", "url_of", "jsonld_value"):
        arguments = inspect.signature(getattr(splashdown, name)).parameters.values()
        bare = inspect.Signature([one.replace(annotation=one.empty) for one in arguments])
        assert shown[name] == str(bare), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", page.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    rooms = "|".join(folder.name for folder in ROOT.iterdir() if folder.is_dir() and folder.name[0] != ".")
    names = re.findall(rf"`((?:{rooms})/[\w./-]+\.(?:py|lua|js|md|html))\b", page.read_text("utf-8"))
    assert sorted(name for name in {*names} - EXAMPLES if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    commands = set(re.findall(r"(?:^    (?:\$ )?|`)scrapy (\w+)\b", text, re.MULTILINE))
    assert (
        sorted(
            name for name in commands - SCRAPY_COMMANDS if not (ROOT / f"crawler/commands/{name}.py").exists()
        )
        == []
    )
    scripts = set(re.findall(r"(?:^    (?:\$ )?|`)scripts/([\w.-]+)(?![\w./-])", text, re.MULTILINE))
    assert sorted(name for name in scripts if not (ROOT / "scripts" / name).exists()) == []


def test_the_new_names_in_the_changelog_can_be_loaded() -> None:
    rows = re.findall(
        r"^ +\|.*\| `([\w.]+)` \| `([\w.]+)` \|$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert rows
    for old, new in rows:
        load_object(new)
        with pytest.raises((ImportError, NameError)):
            load_object(old)
