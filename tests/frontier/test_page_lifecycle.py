"""docs/page-lifecycle.md names files, functions and classes that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOC = ROOT / "docs" / "page-lifecycle.md"


def steps() -> list[list[str]]:
    """Return the cells of the numbered rows: the step, its files, the names in them."""
    rows = [
        line.strip("|").split("|") for line in DOC.read_text("utf-8").splitlines() if line.startswith("|")
    ]
    return [[cell.strip() for cell in row] for row in rows if re.match(r"\s*\d+\.", row[0])]


def names_defined_in(file: Path) -> set[str]:
    """Return the top-level names of a module, and the methods of its classes as ``Class.method``."""
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.ClassDef):
            functions = (one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
            names |= {f"{node.name}.{function.name}" for function in functions}
    return names


@pytest.mark.parametrize("step", steps(), ids=lambda step: step[0].partition(".")[0])
def test_a_step_names_files_and_functions_that_exist(step: list[str]) -> None:
    files, names = (re.findall(r"`([^`]+)`", cell) for cell in step[1:3])
    assert files and names
    defined = {file: names_defined_in(ROOT / file) for file in files}
    for name in names:
        assert any(name in known for known in defined.values()), f"{name} is in none of {', '.join(files)}"


def test_the_steps_are_numbered_without_a_gap() -> None:
    assert [int(step[0].partition(".")[0]) for step in steps()] == list(range(1, len(steps()) + 1))
