"""The house plan of docs/architecture.md, kept: each room knows only the rooms it may know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

NEIGHBOURS: dict[str, set[str]] = {
    "models": set(),
    "renderer": set(),
    "demo": set(),
    "crawler": {"models"},
    "frontier": {"crawler", "models"},
    "pipelines": {"crawler", "models"},
    "spiders": {"crawler", "models"},
    "outbox": {"models"},
    "console": {"models", "outbox"},
    "migrations": {"models"},
}


def python_files() -> Iterator[tuple[str, Path]]:
    for room in NEIGHBOURS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield room, file


def rooms_imported_by(file: Path) -> set[str]:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imported.add(node.module.split(".")[0])
    return imported & NEIGHBOURS.keys()


@pytest.mark.parametrize(("room", "file"), [(room, file) for room, file in python_files()], ids=str)
def test_a_file_imports_only_its_neighbours(room: str, file: Path) -> None:
    strangers = rooms_imported_by(file) - NEIGHBOURS[room] - {room}
    assert not strangers, f"{file.relative_to(ROOT)} reaches into {', '.join(sorted(strangers))}"


def test_every_room_has_a_line_in_the_plan() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "scripts"}
    assert packages <= NEIGHBOURS.keys()
