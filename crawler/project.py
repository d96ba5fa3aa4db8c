"""The project that a command works for: the checkout, or a folder that ``splashdown startproject`` made.

A folder is a project of its own if its ``scrapy.cfg`` has a section ``[splashdown]``:

    [settings]
    default = splashdown.settings

    [splashdown]
    sites = sites
    migrations = migrations
"""

from __future__ import annotations

from configparser import ConfigParser, Error
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scrapy.utils.conf import closest_scrapy_cfg

SECTION = "splashdown"
CODE = Path(__file__).parent.parent  # of the rooms: the checkout, or the package of an installed Splashdown
PACKAGE = __name__.partition("crawler.")[0]  # of the rooms: empty in the checkout, or "splashdown."


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project's folder, the package of its spiders, and the folder of its own revisions; None in the checkout."""

    root: Path
    sites: str
    migrations: Path | None


@cache
def this_project() -> Project:
    """Return the project whose ``scrapy.cfg`` is closest to the working directory.

    Raises:
        SystemExit: the file cannot be read.
    """
    file = closest_scrapy_cfg()
    if file:
        path = Path(file).resolve()
        config = ConfigParser(interpolation=None)
        try:
            config.read(path, encoding="utf-8")
        except (Error, OSError, UnicodeDecodeError) as error:
            raise SystemExit(f"{path} cannot be read: {' '.join(str(error).split())}") from None
        if config.has_section(SECTION):
            migrations = config.get(SECTION, "migrations", fallback="migrations")
            return Project(
                root=path.parent,
                sites=config.get(SECTION, "sites", fallback="sites"),
                migrations=path.parent / migrations,
            )
    return Project(root=CODE, sites="spiders", migrations=None)
