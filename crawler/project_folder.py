"""The folder that ``splashdown startproject`` makes: a project of its own, beside an installed Splashdown."""

from __future__ import annotations

import json
import keyword
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from string import Template

from crawler.project import CODE
from crawler.schedule.export import for_cron

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
        CannotMakeProject: the name is no name, or there is something in the folder, or it cannot be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise CannotMakeProject(
            f"{name!r} is no name for a project: use small letters, digits and _, beginning with a letter"
        )
    target = Path(folder or name).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CannotMakeProject(f"{target} is there already: choose another folder")
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
