"""The texts of render scripts: ours, in spiders/lua, and those that a spider has beside its own module."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

LUA = Path(__file__).parent / "lua"
SHARED = ("storage", "page", "steps")  # the functions that all render scripts share
OWN_SUFFIX = ".lua"  # the name of an own script is a path, the name of one of ours is not


@cache
def lua_script(name: str) -> str:
    """Return the Lua of ``spiders/lua/<name>.lua``, after the functions that all render scripts share."""
    return "\n".join((LUA / f"{file}.lua").read_text("utf-8") for file in (*SHARED, name))


def own_script(spider_class: type, name: str) -> str:
    """Return the Lua of a spider's own render script, after its name and the shared functions.

    Args:
        name: a path from the folder of the module of the class, or of a class that it derives from.
    Raises:
        ValueError: there is no such file.
    """
    folders = [
        Path(inspect.getfile(cls)).parent for cls in spider_class.__mro__ if cls.__module__ != "builtins"
    ]
    for folder in folders:
        if (file := folder / name).is_file():
            return _own_text(file, name)
    raise ValueError(f"there is no render script {name!r} in the folder of the spider, {folders[0]}")


@cache
def _own_text(file: Path, name: str) -> str:
    shared = "\n".join((LUA / f"{part}.lua").read_text("utf-8") for part in SHARED)
    return (
        f"{shared}\n-- {name}\n{file.read_text('utf-8')}"  # crawler.splash.errors counts lines from the name
    )
