"""Rules for the text and the imports of files: docstrings, words of messages, test files that import test files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = (
    "benchmarks", "crawler", "demo", "examples", "frontier", "migrations", "models", "pipelines", "renderer", "scripts",
    "spiders",
)  # fmt: skip

# Words of the glossary's last column that are wrong in every sentence.
FORBIDDEN = re.compile(r"\b(mend(s|ed|ing)?|anew|of which|moments?|signs? of life|errands?)\b", re.IGNORECASE)

# The rooms whose docstrings and messages have none of these words. Add a room when it is clean.
CLEAN_ROOMS = set(ROOMS)

# The folders of tests in which no file imports a test file. Add a folder when it is clean.
CLEAN_TEST_FOLDERS = {
    "crawler", "demo", "examples", "frontier", "migrations", "models", "pages", "pipelines", "renderer", "scripts",
    "sites", "spiders",
}  # fmt: skip

MESSAGE_FUNCTIONS = {
    "add_argument", "critical", "debug", "error", "exception", "exit", "fail", "info", "log", "print", "warning",
}  # fmt: skip

Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def python_files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring in a module."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            text = ast.get_docstring(node)
            if text is not None:
                yield node.body[0].lineno, text


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every string in an error, a log line, a print or a help text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from strings(node.exc)
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in MESSAGE_FUNCTIONS:
                yield from strings(node)


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("room", ROOMS)
def test_every_python_file_has_a_module_docstring(room: str) -> None:
    trees = {file: ast.parse(file.read_text("utf-8")) for file in python_files(room)}
    without = [
        str(file.relative_to(ROOT))
        for file, tree in trees.items()
        if tree.body and not ast.get_docstring(tree)
    ]
    assert trees and not without


@pytest.mark.parametrize("room", sorted(CLEAN_ROOMS))
def test_docstrings_and_messages_have_no_forbidden_word(room: str) -> None:
    found = []
    for file in python_files(room):
        tree = ast.parse(file.read_text("utf-8"))
        for line, text in {*docstrings(tree), *messages(tree)}:
            found += [f"{file.relative_to(ROOT)}:{line}: {match[0]}" for match in FORBIDDEN.finditer(text)]
    assert not found, "docs/glossary.md has another word for: " + ", ".join(sorted(found))


@pytest.mark.parametrize("folder", sorted(CLEAN_TEST_FOLDERS))
def test_no_file_of_a_test_folder_imports_a_test_file(folder: str) -> None:
    found = []
    for file in python_files(f"tests/{folder}"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if any(part.startswith("test_") for name in imported_names(node) for part in name.split(".")):
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}")  # type: ignore[attr-defined]
    assert not found, (
        f"these lines import a test file; move the shared code into a helper: {', '.join(found)}"
    )


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(alias.name for alias in node.names)]
    return []
