"""The start of a process imports what it needs and nothing else, because each crawl and command pays for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.schema import upgrade
from models.session import make_engine
from tests.processes import ROOT

# Libraries that take 20 to 300 ms each, and the commands, columns and settings that need them are few.
RARE = ("aiohttp", "alembic", "apprise", "dateparser", "prometheus_client", "psycopg", "pymysql", "rich")

PROGRAM = """
import sys
from scrapy.cmdline import execute
try:
    execute(["scrapy", *sys.argv[1:]])
finally:
    print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""

SPIDER = """
import scrapy

class Quiet(scrapy.Spider):
    name = "quiet"

    async def start(self):
        return
        yield
"""


CRAWL = ("crawl", "quiet", "-s", "SPIDER_MODULES=quiet", "-s", "RENDERER_ENABLED=0")


def started(tmp_path: Path, *command: str) -> tuple[set[str], str]:
    """Run a command of Scrapy on a database with the latest schema; return the libraries it imported, and its log."""
    (tmp_path / "quiet.py").write_text(SPIDER, "utf-8")
    url = f"sqlite:///{tmp_path}/start.db"
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "PYTHONPATH": str(tmp_path), "ALERT_URLS": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    imported = set(result.stdout.rpartition("imported:")[2].split())
    assert "sqlalchemy" in imported, result.stderr
    return imported, result.stderr


@pytest.mark.parametrize("command", [("list",), CRAWL], ids=lambda command: command[0])
def test_a_process_imports_no_library_that_it_does_not_need(command: tuple[str, ...], tmp_path: Path) -> None:
    imported, _ = started(tmp_path, *command)
    assert not set(RARE) & imported


def test_a_crawl_migrates_a_new_file(tmp_path: Path) -> None:
    imported, log = started(tmp_path, *CRAWL, "-s", f"DATABASE_URL=sqlite:///{tmp_path}/new.db")
    assert "alembic" in imported
    assert "0 rows" in log or "rows: 0" in log, log


def test_settings_switch_the_telnet_console_and_the_remote_control_on(tmp_path: Path) -> None:
    options = ("-s", "TELNETCONSOLE_ENABLED=1", "-s", f"REMOTE_CONTROL_JOBS_DIR={tmp_path}")
    imported, log = started(tmp_path, *CRAWL, *options, "-s", "REMOTE_CONTROL_ENABLED=1")
    assert "Telnet console listening" in log
    assert "aiohttp" in imported  # the remote control's server
