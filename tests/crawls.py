"""Run ``scrapy`` with the arguments and variables of a user, in a process of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.databases import make_file_with_tables
from tests.prepared_process import run_scrapy

ROOT = Path(__file__).parent.parent
# Each database begins with run 1, and page snapshots have the number of their run: so they need a folder of their own.
KEPT_PAGES = tempfile.mkdtemp(prefix="splashdown-kept-pages-")
atexit.register(shutil.rmtree, KEPT_PAGES, ignore_errors=True)
DEADLINE = 240  # seconds; a crawl that takes longer hangs


def scrapy(
    *arguments: str, cwd: Path = ROOT, deadline: float = DEADLINE, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run ``scrapy ARGUMENTS`` with ``env``, without the settings of the user who runs the tests.

    A crawl of this project finds the tables in its SQLite file: ``make_file_with_tables``.
    """
    if arguments[:1] in (("crawl",), ("runspider",)) and cwd == ROOT:
        make_file_with_tables(env.get("DATABASE_URL", ""))
    ours = {
        name: value
        for name, value in os.environ.items()
        if name
        not in (
            "DATABASE_URL",
            "SPLASH_URL",
            "SPLASH_USER",
            "SPLASH_PASS",
            "DEMO_URL",
            "LOG_LEVEL",
            "LOG_FORMAT",
        )
    }
    variables = ours | {"SPLASHDOWN_ENV_FILE": "", "KEPT_PAGES_FOLDER": KEPT_PAGES} | env
    return run_scrapy(arguments, cwd, variables, deadline)


def crawl(spider: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``scrapy crawl SPIDER`` and check that it ends with 0."""
    done = scrapy("crawl", spider, *options, **env)
    assert done.returncode == 0, done.stderr[-4000:]
    return done
