"""The module of a new site: formatted, typed, and never code of a page; its rows are valid."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapy.http import HtmlResponse

from crawler.suggestion.left_out import with_left_out
from crawler.suggestion.python_text import literal
from crawler.suggestion.site_file import site_file
from crawler.suggestion.suggest import suggest
from crawler.suggestion.suggestion import ICON, RARE, SAME, Field, LeftOut, Suggestion
from models import Base
from pipelines.values.coerce import coerce
from pipelines.values.type_guess import type_of
from tests.crawler.suggestion.scoring import Page, pages
from tests.processes import ROOT

TYPES = ("str", "int", "Decimal", "date", "datetime", "bool")
HOSTILE = st.text(max_size=400) | st.sampled_from(
    [
        '"""',
        "'''",
        "\\",
        '"; import os; "',
        "\n\nimport os\n",
        "a' or 'b\"",
        "\u202e",
        "{x}",
        "%s",
        "\x00",
        "\ud800",
    ]
)
NAMES = ("title", "url", "price", "day", "stock", "seen_on", "sold")
OTHER_NAMES = ("discount", "hall", "a_name_of_thirty_characters_01", "note")


@st.composite
def suggestions(draw: st.DrawFn) -> Suggestion:
    """Return a suggestion whose texts are anything that a page may say."""
    chosen = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    left_out = draw(st.lists(st.sampled_from(OTHER_NAMES), max_size=3, unique=True))
    fields = tuple(
        Field(
            name=name,
            xpath=draw(HOSTILE) + draw(st.sampled_from(["", "/@href"])),
            type=(kind := draw(st.sampled_from(TYPES))),
            language="de" if kind in ("date", "datetime") and draw(st.booleans()) else None,
            filled=draw(st.sampled_from([0.6, 1.0])),
            samples=tuple(draw(st.lists(HOSTILE, max_size=2))),
            max_length=draw(st.integers(1, 5000)),
        )
        for name in [*chosen, *left_out]
    )
    return Suggestion(
        record=draw(HOSTILE),
        fields=fields[: len(chosen)],
        key=tuple(chosen[: draw(st.integers(1, 2))]),
        detail=None,
        next_page=draw(st.none() | HOSTILE),
        rows=2,
        source="markup",
        grid_rows=draw(st.sampled_from([0, 400])),
        left_out=tuple(
            LeftOut(field=field, why=draw(st.sampled_from([RARE, SAME, ICON])))
            for field in fields[len(chosen) :]
        ),
    )


@given(suggestions(), HOSTILE)
def test_texts_of_a_page_are_strings_and_no_code(suggestion: Suggestion, url: str) -> None:
    tree = ast.parse(site_file(suggestion, "films", url))
    kinds = [type(node) for node in tree.body if not isinstance(node, ast.ImportFrom)]
    assert kinds == [ast.Expr, ast.Assign, ast.Assign, ast.ClassDef, ast.ClassDef]
    assert {ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)} == {
        url,
        suggestion.record,
    }
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert {call for call in calls if "(" not in call} <= {
        "mapped_column", "ExactString", "ExactNumeric", "LongText", "self.render", "self.render_scrolled",
        "response.xpath", "response.urljoin", "record.xpath",
    }  # fmt: skip
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {field.xpath for field in suggestion.fields} <= strings


@given(HOSTILE)
def test_a_literal_is_the_text(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text


@settings(max_examples=40, deadline=None)
@given(suggestions(), st.text(st.characters(codec="utf-8"), max_size=300), st.none() | HOSTILE)
def test_the_module_is_formatted_and_has_no_findings(
    suggestion: Suggestion, url: str, wait_for: str | None
) -> None:
    text = site_file(suggestion, "films", url, wait_for)
    for command in (["format", "--diff"], ["check", "--output-format=concise"]):
        done = subprocess.run(
            [Path(sys.executable).parent / "ruff", *command, "--stdin-filename", "spiders/films.py", "-"],
            input=text.encode(),
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode() + text


def taken(text: str) -> str:
    """Return the module with everything that was left out: without the "# " of comments, and with all imports."""
    lines = []
    for line in text.splitlines():
        code = line.replace("# ", "", 1)
        is_reason = re.match(r" *# (?:Left out|Import|[a-z_0-9]+: (?:filled|empty|always|icons))", line)
        lines.append(line if is_reason or not line.startswith("    ") else code)
    imports = "from datetime import date, datetime\nfrom decimal import Decimal\nfrom sqlalchemy import BigInteger\n"
    types = "from models.types import ExactNumeric, ExactString, LongText, UtcDateTime\n"
    first = lines.index("from __future__ import annotations") + 1
    return "\n".join([*lines[:first], imports + types, *lines[first:]])


@settings(deadline=None)
@given(suggestions())
def test_what_was_left_out_is_code_without_its_mark(suggestion: Suggestion) -> None:
    tree = ast.parse(taken(site_file(suggestion, "films", "https://shop.example")))
    (model,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "FilmsRow"]
    columns = {ast.unparse(node.target) for node in model.body if isinstance(node, ast.AnnAssign)}
    assert columns == {one.name for one in (*suggestion.fields, *(one.field for one in suggestion.left_out))}
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {one.field.xpath for one in suggestion.left_out} <= strings


def test_mypy_accepts_the_modules_of_all_pages(tmp_path: Path) -> None:
    for page in pages():
        text = module_of(page)
        (tmp_path / f"site_{page.name}.py").write_text(text, "utf-8")
        if "Left out" in text:
            (tmp_path / f"site_{page.name}_all.py").write_text(taken(text), "utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        "pyproject.toml",
        *tmp_path.glob("*.py"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def module_of(page: Page) -> str:
    suggestion = suggest(page.html, page.url, type_of)
    assert suggestion is not None
    suggestion = with_left_out(suggestion, page.html, page.url, type_of)
    return site_file(suggestion, f"site_{page.name}", page.url)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_spider_of_a_page_yields_valid_rows_and_the_next_page(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"site_{page.name}.py").write_text(module_of(page), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = vars(importlib.import_module(f"site_{page.name}"))
    (model,) = [one for name, one in module.items() if name.endswith("Row") and name != "Row"]
    (spider_class,) = [
        one for name, one in module.items() if name.endswith("Spider") and name != "SiteSpider"
    ]
    Base.metadata.remove(model.table())
    spider = spider_class()
    requests: list[str] = []
    for method in ("render", "render_scrolled"):
        monkeypatch.setattr(spider, method, lambda url, *_, **__: requests.append(url))
    response = HtmlResponse(page.url, body=page.html.encode(), encoding="utf-8")
    items = [item for item in spider.parse(response) if item is not None]
    assert len(items) == page.records
    assert requests == ([page.next] if page.next else [])
    rows = [{name: coerce(item[name], column) for name, column in model.fields().items()} for item in items]
    assert len({tuple(row[name] for name in model.key()) for row in rows}) == page.records


def test_names_that_are_no_columns_are_refused() -> None:
    field = Field(name="title", xpath="h1", type="str", filled=1.0, samples=("a",), max_length=1)
    good = Suggestion(
        record="//li", fields=(field,), key=("title",), detail=None, next_page=None, rows=2, source="markup"
    )
    assert "class FilmsRow(Row):" in site_file(good, "films", "http://localhost/")
    for name in ("", "Films", "1st", "a b", "class", "films\nimport os", "metadata"):
        with pytest.raises(ValueError, match="cannot be the name"):
            site_file(good, name, "http://localhost/")
    with pytest.raises(ValueError, match="no natural key"):
        site_file(
            Suggestion(
                record="//li", fields=(field,), key=(), detail=None, next_page=None, rows=2, source="markup"
            ),
            "films",
            "http://localhost/",
        )


def test_the_spider_of_a_site_named_site_has_another_name_than_its_base_class() -> None:
    field = Field(name="title", xpath="h1", type="str", filled=1.0, samples=("a",), max_length=1)
    suggestion = Suggestion(
        record="//li", fields=(field,), key=("title",), detail=None, next_page=None, rows=2, source="markup"
    )
    assert "class SiteListSpider(SiteSpider):" in site_file(suggestion, "site", "http://localhost/")
