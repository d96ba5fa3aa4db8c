"""The build of the wheel: one package, ``splashdown``, that contains all rooms.

The folders of the checkout have the names that its users know: ``crawler``, ``spiders``, ``pipelines``, ``models``. As
installed packages, these names would clash with the modules of a user's own project. So the wheel contains each file
under ``splashdown/``, and this module puts that name before each import of a room, and before each text that is the
name of a module of a room. Nothing else in a file changes, and every line keeps its number.

The demo is not in the wheel: its site, its spiders, its models and its command.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # the tests call `relocated` in an environment without the build system
    BuildHookInterface = object  # type: ignore[assignment,misc]

PACKAGE = "splashdown"
ROOMS = (
    "crawler",
    "frontier",
    "migrations",
    "models",
    "outbox",
    "pipelines",
    "renderer",
    "spiders",
    "workers",
)
DEMO = {
    "crawler/commands/demo.py",
    *(f"models/{name}.py" for name in ("book", "order", "quote")),
    *(f"spiders/{name}.py" for name in ("books", "orders", "quotes")),
}
HOOK = "crawler/splash/splashdown_scrapy_splash.pth"  # Python reads it at its start, from the folder of the packages
SCRIPTS = ("crawl",)  # that a project gets a copy of

_IMPORT = re.compile(rf"(?m)(^\s*(?:from|import)\s+|;\s*import\s+)(?=(?:{'|'.join(ROOMS)})\b)")
_HOOK = re.compile(rf"\b(?=(?:{'|'.join(ROOMS)})\.)")


def files_of(root: Path) -> Iterator[Path]:
    """Yield the files of the rooms, relative to the checkout, without those of the demo."""
    for room in ROOMS:
        for file in sorted((root / room).rglob("*")):
            path = file.relative_to(root)
            if file.is_file() and "__pycache__" not in path.parts and path.as_posix() not in DEMO:
                yield path


def relocated(text: str, path: Path, root: Path) -> str:
    """Return the text of a file of a room as it is in the package.

    Raises:
        SyntaxError: a file of Python is none.
    """
    if path.suffix == ".py":
        return _relocated_python(text, root)
    if path.suffix == ".pth":
        return _HOOK.sub(f"{PACKAGE}.", text)
    if path.suffix in (".mako", ".tmpl"):
        return _IMPORT.sub(rf"\g<1>{PACKAGE}.", text)
    return text


def _relocated_python(text: str, root: Path) -> str:
    lines = text.splitlines(keepends=True)
    places: set[tuple[int, int]] = set()  # line and byte, before which the package's name comes
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _is_in_a_room(node.module or ""):
            places.add((node.lineno, node.col_offset + len("from ")))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _is_in_a_room(alias.name):
                    if alias.asname is None:
                        raise SyntaxError(f"line {node.lineno}: write `from ... import` or `import ... as`")
                    places.add((alias.lineno, alias.col_offset))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_module(node.value, root):
            places.add((node.lineno, node.col_offset + 1))
    for line, byte in sorted(places, reverse=True):
        encoded = lines[line - 1].encode()
        lines[line - 1] = (encoded[:byte] + f"{PACKAGE}.".encode() + encoded[byte:]).decode()
    return "".join(lines)


def _is_in_a_room(module: str) -> bool:
    return module.partition(".")[0] in ROOMS


def _is_module(text: str, root: Path) -> bool:
    """Return whether a text is the name of a module or a package of a room, or of something in one."""
    if not re.fullmatch(r"[a-z]\w*(\.\w+)+", text) or not _is_in_a_room(text):
        return False
    room, second = text.split(".")[:2]
    return (root / room / f"{second}.py").is_file() or (root / room / second).is_dir()


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Hatchling's hook: an installation that is not editable gets the relocated files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        included: dict[str, str] = build_data["force_include"]
        if version == "editable":
            build_data.setdefault("force_include_editable", {})[str(root / HOOK)] = Path(HOOK).name
            included[str(root / HOOK)] = Path(HOOK).name
            return
        self._folder = tempfile.TemporaryDirectory(prefix=f"{PACKAGE}-wheel-")
        for path in files_of(root):
            target = Path(self._folder.name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in (".py", ".pth", ".mako", ".tmpl"):
                target.write_text(relocated((root / path).read_text("utf-8"), path, root), "utf-8")
            else:
                target.write_bytes((root / path).read_bytes())
            included[str(target)] = (
                Path(HOOK).name if path.as_posix() == HOOK else f"{PACKAGE}/{path.as_posix()}"
            )
        for path in sorted(file.relative_to(root) for file in (root / PACKAGE).glob("*.py")):
            target = Path(self._folder.name) / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(relocated((root / path).read_text("utf-8"), path, root), "utf-8")
            included[str(target)] = path.as_posix()
        for name in SCRIPTS:
            included[str(root / "scripts" / name)] = f"{PACKAGE}/crawler/templates/project/scripts/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._folder.cleanup()
