"""The folder that ``splashdown startproject`` makes: a project of its own, beside an installed Splashdown."""

from __future__ import annotations

import json
import keyword
import os
import re
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from string import Template

from crawler.project import CODE
from crawler.schedule.export import for_cron
from models.command_name import command

TEMPLATE = Path(__file__).parent / "templates" / "project"
CRAWL = (
    "scripts/crawl",
    TEMPLATE / "scripts" / "crawl",
    CODE / "scripts" / "crawl",
)  # installed; in the checkout
DOT_FILES = (
    "dockerignore",
    "env",
    "gitignore",
)  # a package of Python cannot have all files whose names begin with a dot
PROGRAMS = ("scripts/setup", "scripts/crawl")
SUFFIX = ".tmpl"


class CannotMakeProject(Exception):
    """The project cannot be made; the message says why and what to do."""


def make_project(name: str, folder: str | None = None) -> Path:
    """Make the folder of a project and return its path. It is complete, or it is not there.

    Args:
        name: a name of letters, digits and ``_``, as for a module of Python.
        folder: by default ``name`` in the working directory; an empty folder may be there.

    Raises:
        CannotMakeProject: the name is no name or that of a module, the folder is not empty or in another project, or
            it cannot be written.
    """
    _check_name(name)
    target = Path(folder or name).resolve()
    _check_folder(target, name)
    values = {
        "name": name,
        "crawl": for_cron(target / "scripts" / "crawl"),
        "requirement": requirement(),
        "password": secrets.token_hex(16),
        "token": secrets.token_hex(16),
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as temporary:
            made = Path(temporary) / name
            _write(made, values)
            made.replace(target)  # an empty folder may be in its place
    except OSError as error:
        raise CannotMakeProject(f"{target} cannot be written: {error.strerror}") from error
    return target


def _check_name(name: str) -> None:
    """Refuse a name that is no module, and one that a module of Python has: an import could find the wrong one."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        likely = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_0123456789")
        example = f", for example {likely}" if likely and not keyword.iskeyword(likely) else ""
        raise CannotMakeProject(
            f"{name!r} is no name for a project: use small letters, digits and _, beginning with a letter{example}"
        )
    if _is_module(name):
        raise CannotMakeProject(
            f"{name!r} is the name of a module of Python or of a package, which imports would confuse with it: "
            f"choose another one, for example {name}_sites"
        )


def _is_module(name: str) -> bool:
    """Return whether Python or an installed package has a module of this name."""
    if name in sys.stdlib_module_names:
        return True
    spec = find_spec(name)
    return spec is not None and spec.origin is not None  # a folder without __init__.py is no module


def _check_folder(target: Path, name: str) -> None:
    if target.exists() and not target.is_dir():
        raise CannotMakeProject(f"{target} is a file: choose another folder")
    if target.exists() and (found := sorted(one.name for one in target.iterdir())):
        shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise CannotMakeProject(
            f"{target} is not empty (it has {shown}): choose another folder, for example with "
            f"`splashdown startproject {name} FOLDER`"
        )
    if around := next((above for above in target.parents if (above / "scrapy.cfg").is_file()), None):
        raise CannotMakeProject(
            f"{target} would be inside the project {around}: choose a folder outside of it, for example with "
            f"`splashdown startproject {name} {_shown(around.parent / name)}`. To add a site to that project, use "
            f"`{command('new')}`"
        )


def _shown(path: Path) -> str:
    return shlex.quote(os.path.relpath(path))


def _write(folder: Path, values: Mapping[str, str]) -> None:
    for file in sorted(TEMPLATE.rglob(f"*{SUFFIX}")):
        path = file.relative_to(TEMPLATE).with_suffix("")
        if path.name in DOT_FILES:
            path = path.with_name(f".{path.name}")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(file.read_text("utf-8")).substitute(values), "utf-8")
    name, installed, checkout = CRAWL
    shutil.copyfile(installed if installed.is_file() else checkout, folder / name)
    for program in PROGRAMS:
        (folder / program).chmod(0o755)
    (folder / ".env").chmod(0o600)  # it has a password and a token


def requirement() -> str:
    """Return the line of ``requirements.txt`` that installs this Splashdown: its source, or its version."""
    ours = distribution("splashdown")
    direct = ours.read_text("direct_url.json")
    if direct is None:
        return f"splashdown=={ours.version}"
    source = json.loads(direct)
    url = source["url"]
    if vcs := source.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs.get('requested_revision') or vcs['commit_id']}"
    return f"splashdown @ {url}"
