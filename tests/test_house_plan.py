"""The rooms of docs/architecture.md: what each may import, and that the page lists every file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"

NEIGHBOURS: dict[str, set[str]] = {
    "models": set(),
    "renderer": set(),
    "demo": set(),
    "crawler": {"models"},
    "frontier": {"crawler", "models"},
    "pipelines": {"crawler", "models"},
    "spiders": {"crawler", "models"},
    "migrations": {"models"},
    "outbox": {"crawler", "models"},
    "workers": {"crawler", "models"},
    "console": {"crawler", "models"},
    "splashdown": {"crawler", "frontier", "models", "spiders"},
}

# The folders and files inside a room, lowest first. Each imports only what is on the lines above its own line.
# Folders and files of one line do not import each other.
ORDER: dict[str, list[set[str]]] = {
    "console": [
        {"config", "database"},
        {"security"},
        {
            "errors",
            "live",
            "ordering",
            "paging",
            "queries",
            "renderer_watch",
            "scheduling",
            "snapshots",
            "texts",
        },
        {"exports", "filters"},
        {"api", "views"},
        {"app"},
        {"server"},
        {"command"},
    ],
    "crawler": [
        {
            "atomic_file",
            "child_process",
            "command_failure",
            "database",
            "garbage_collection",
            "meta_keys",
            "output_pipe",
            "page_selector",
            "project",
            "remote_access",
            "security",
            "stat_names",
            "suggestion",
            "unknown_option",
        },
        {"logs", "yaml_site"},
        {"spider"},
        {"delta"},
        {"page"},
        {"rendering"},
        {"run"},
        {"splash"},
        {"download", "metrics", "schedule", "snapshots"},
        {"demo_console", "project_folder", "trial"},
        {"database_command", "inspection_command"},
        {"commands"},
        {"command_line", "settings"},
    ],
    "renderer": [
        {"egress", "errors"},
        {"chromium"},
        {"network"},
        {"tab"},
        {"pool", "render"},
        {"lua"},
        {"api"},
        {"__main__"},
    ],
    "pipelines": [
        {"storage", "values"},
        {"validate"},
        {"item_check", "item_processor", "page_replay", "rejected_replay", "run_acceptance", "upsert"},
    ],
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
def test_a_file_imports_only_rooms_that_its_room_may_import(room: str, file: Path) -> None:
    forbidden = rooms_imported_by(file) - NEIGHBOURS[room] - {room}
    assert not forbidden, f"{file.relative_to(ROOT)} imports {', '.join(sorted(forbidden))}"


def parts_imported_by(file: Path, room: str) -> set[str]:
    """Return the folders and files directly in the room from which the file imports, without its own."""
    own = file.relative_to(ROOT / room).parts[0].removesuffix(".py")
    imported = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = node.module.split(".")
            if names == [room]:
                imported |= {alias.name for alias in node.names}
            elif names[0] == room:
                imported.add(names[1])
    return imported - {own}


@pytest.mark.parametrize("room", ORDER)
def test_a_folder_of_a_room_imports_only_lower_folders(room: str) -> None:
    level = {name: number for number, names in enumerate(ORDER[room]) for name in names}
    for file in sorted((ROOT / room).rglob("*.py")):
        own = file.relative_to(ROOT / room).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for name in parts_imported_by(file, room):
            assert level[name] < level[own], (
                f"{file.relative_to(ROOT)} imports {room}.{name}, which ORDER does not list above it"
            )


@pytest.mark.parametrize("room", ORDER)
def test_the_order_inside_a_room_lists_all_its_folders_and_files(room: str) -> None:
    existing = {file.stem for file in (ROOT / room).glob("*.py")} - {"__init__"}
    existing |= {folder.parent.name for folder in (ROOT / room).glob("*/__init__.py")}
    assert {name for names in ORDER[room] for name in names} == existing


def test_neighbours_lists_all_rooms_and_no_other() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "scripts"}
    assert packages == set(NEIGHBOURS)


@pytest.mark.parametrize("room", NEIGHBOURS)
def test_the_architecture_page_says_which_rooms_a_room_may_import(room: str) -> None:
    lines = ARCHITECTURE.read_text("utf-8").splitlines()
    line = next((line for line in lines if line.startswith(f"| `{room}/` |")), None)
    assert line is not None, f"docs/architecture.md has no line for {room}/"
    listed = set(re.findall(r"`(\w+)`", line.split("|")[3]))
    assert listed == NEIGHBOURS[room]


def sections_of_architecture() -> dict[str, str]:
    """Return the text below each heading that names a folder, by the folder's path."""
    parts = re.split(r"^##+ (.+)$", ARCHITECTURE.read_text("utf-8"), flags=re.MULTILINE)
    headings = zip(parts[1::2], parts[2::2], strict=True)
    return {
        folder: text for heading, text in headings for folder in re.findall(r"([\w/]+)/(?=[,:]|$)", heading)
    }


@pytest.mark.parametrize("room", sorted(NEIGHBOURS.keys() - {"migrations"}))
def test_the_architecture_page_lists_every_file_of_a_room(room: str) -> None:
    sections = sections_of_architecture()
    missing = []
    for file in sorted((ROOT / room).rglob("*")):
        if file.suffix not in (".py", ".lua", ".js") or file.stem == "__init__" or "static" in file.parts:
            continue
        path = file.relative_to(ROOT)
        section = next(text for folder in path.parents if (text := sections.get(str(folder))) is not None)
        if not re.search(rf"[`/]{re.escape(file.name)}`", section):
            missing.append(str(path))
    assert not missing, (
        f"docs/architecture.md does not list {', '.join(missing)} in the section of the folder"
    )


def test_the_architecture_page_lists_no_file_that_does_not_exist() -> None:
    missing = []
    folders_of: dict[str, list[str]] = {}
    for folder, text in sections_of_architecture().items():
        folders_of.setdefault(text, []).append(folder)
    for text, folders in folders_of.items():
        for cell in re.findall(r"^\|([^|]+)\|", text, re.MULTILINE):
            for name in re.findall(r"`([\w./-]+\.\w+)`", cell):
                if not any((ROOT / folder / name).exists() or (ROOT / name).exists() for folder in folders):
                    missing.append(name)
    assert not missing, f"docs/architecture.md lists {', '.join(missing)}, which do not exist"
