"""The files of the wheel: each import of a room, and each name of a module, has the package's name before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts.lib.relocation import PACKAGE, ROOMS, files_of, relocated
from tests.crawls import ROOT


def moved(text: str, suffix: str = ".py") -> str:
    return relocated(text, Path(f"x{suffix}"), ROOT)


def test_every_file_of_the_rooms_can_be_relocated() -> None:
    for path in files_of(ROOT):
        if path.suffix == ".py":
            tree = ast.parse(moved((ROOT / path).read_text("utf-8")))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.level == 0:
                    assert (node.module or "").split(".")[0] not in ROOMS, f"{path}, line {node.lineno}"


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "from models import Row\n": f"from {PACKAGE}.models import Row\n",
        "    from crawler.page.page import Page\n".strip()
        + "\n": f"from {PACKAGE}.crawler.page.page import Page\n",
        "import models.base as base\n": f"import {PACKAGE}.models.base as base\n",
        "import json, models.base as b\n": f"import json, {PACKAGE}.models.base as b\n",
        'X = "frontier.scheduler.Scheduler"\n': f'X = "{PACKAGE}.frontier.scheduler.Scheduler"\n',
        'é = "é"; X = "models.types"\n': f'é = "é"; X = "{PACKAGE}.models.types"\n',
        'X = "models.of.nothing"\n': 'X = "models.of.nothing"\n',
        'X = "models"; Y = "demo.requests"\n': 'X = "models"; Y = "demo.requests"\n',
        "from modelsx import y\n": "from modelsx import y\n",
        '"""Text with from models import Row."""\n': '"""Text with from models import Row."""\n',
    }.items(),
)
def test_imports_and_names_of_modules_get_the_package(text: str, expected: str) -> None:
    assert moved(text) == expected


def test_an_import_that_binds_the_name_of_a_room_is_refused() -> None:
    with pytest.raises(SyntaxError, match="line 2: write `from"):
        moved("import json\nimport models.base\n")


def test_templates_and_the_hook_of_python_are_relocated() -> None:
    assert moved("from models import types\n", ".mako") == f"from {PACKAGE}.models import types\n"
    hook = moved("import crawler.splash.import_hook; crawler.splash.import_hook.install()\n", ".pth")
    assert (
        hook
        == f"import {PACKAGE}.crawler.splash.import_hook; {PACKAGE}.crawler.splash.import_hook.install()\n"
    )
