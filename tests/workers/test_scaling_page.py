"""docs/scaling.md: its commands run, and its settings, times and engines are those of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crawler import settings
from frontier.shared_run import TICK as LOOK
from models import CrawlRun
from models.run import ClaimedRun
from models.worker import MOST_PARTITIONS, PARTITIONS, WORKER_TIMEOUT
from pipelines.storage.database_errors import MYSQL, Fault
from tests.crawls import scrapy
from tests.doc_pages import DocPage, is_shown
from tests.processes import ROOT, server
from tests.services import service
from tests.workers.workers import emptied
from workers.engine import ENGINES, engine_class
from workers.kafka import SESSION

PAGE = DocPage("scaling.md")
SPIDER = """
from tests.workers.hosts_spider import HostsSpider

class FilmsSpider(HostsSpider):
    name = "films"
"""


def test_the_commands_of_the_page_crawl_one_run(tmp_path: Path) -> None:
    mariadb = service("TEST_MARIADB_URL", "a database server")
    (tmp_path / "films_of_the_page.py").write_text(SPIDER)
    (tmp_path / "settings_of_the_page.py").write_text(
        "from crawler.settings import *\nSPIDER_MODULES = ['films_of_the_page']\n"
    )
    steps = dict(
        step
        for block in PAGE.below("How do you start workers?")
        for step in block.steps
        if "$ " in block.text
    )
    begin, work, show = steps
    site = ("tests.workers.hosts_site", "--hosts", "20", "--pages", "40", "--delay", "0.05")
    with emptied(mariadb) as engine, server(*site) as url:
        env = {
            "DATABASE_URL": mariadb,
            "HOSTS_URL": url,
            "SCRAPY_SETTINGS_MODULE": "settings_of_the_page",
            "PYTHONPATH": f"{ROOT}:{tmp_path}",
        }
        crawl = subprocess.Popen(
            [sys.executable, "-m", *begin.split()],
            cwd=ROOT,
            env=_environment() | env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_a_run(engine, crawl)
            done = scrapy(*work.split()[1:], **env)
            assert done.returncode == 0, done.stderr
            assert crawl.wait(120) == 0
        finally:
            crawl.kill()
            crawl.wait()
        with Session(engine) as session:
            (run,) = session.query(CrawlRun)
            assert (run.spider, run.verdict, run.workers) == ("films", 0, 2)
        shown = scrapy(*show.replace(" 1", f" {run.id}").split()[1:], **env)
        text = re.sub(r"process \d+ on [^:]+", "process ...", shown.stdout)
        should = re.sub(r"process \d+ on [^:]+", "process ...", steps[show])
        assert is_shown(text, should.replace(" 1, films", f" {run.id}, films")), shown.stdout


def test_the_lines_of_env_are_settings_that_a_worker_accepts() -> None:
    block = PAGE.below("How do you start workers?")[-1]
    given = dict(line.split("=", 1) for line in block.text.splitlines())
    assert all(hasattr(settings, name) for name in given)
    run = ClaimedRun(id=1, spider="films", owner="", commits=0, resumed=False, start_read=False, scope=b"")
    url = given["WORKERS_URL"]
    engine_class(url)(url, replace(run, partitions=PARTITIONS, started_at=datetime.now(UTC)))


def test_the_settings_of_the_page_have_the_defaults_that_it_shows() -> None:
    section = PAGE.text.partition("\n| setting | default |")[2].partition("\n\n")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", section, re.MULTILINE))
    assert shown == {
        "RUN_SHARED": "`0`",
        "RUN_PARTITIONS": f"`{PARTITIONS}`",
        "WORKERS_URL": "empty",
        "SHUTDOWN_TIMEOUT": f"`{settings.SHUTDOWN_TIMEOUT:g}`",
    }
    assert f"1 to {MOST_PARTITIONS}" in section


def test_the_page_has_the_engines_and_their_times() -> None:
    section = PAGE.text.partition("\n| `WORKERS_URL` | who says it")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)://", section)) == {*ENGINES}
    lease = WORKER_TIMEOUT.total_seconds()
    assert set(re.findall(r"([\d.]+) s and a look", section)) == {f"{lease:g}"}
    assert set(re.findall(r"the next look, ([\d.]+) s", section)) == {f"{LOOK:g}"}
    assert set(re.findall(r"two heartbeats of ([\d.]+) s", section)) == {f"{lease // 2:g}"}
    assert set(re.findall(r"the session of ([\d.]+) s", section)) == {f"{SESSION / 1000:g}"}


def test_the_errors_of_galera_are_repeated() -> None:
    (line,) = (line for line in PAGE.text.splitlines() if line.startswith("| Galera"))
    codes = {int(code) for code in re.findall(r"\b\d{4}\b", line)}
    assert codes == {1047, 1213}
    assert {MYSQL[code] for code in codes} == {Fault.TRANSIENT}


def test_sqlite_refuses_as_the_page_says(tmp_path: Path) -> None:
    done = scrapy("crawl", "quotes", "--shared", DATABASE_URL=f"sqlite:///{tmp_path / 'films.db'}")
    assert done.returncode != 0
    assert "one writer at a time" in done.stderr


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`python -m (benchmarks\.[^`]+)`", PAGE.text))))
def test_the_benchmarks_of_the_page_have_the_options_that_it_names(line: str) -> None:
    module, *words = line.split()
    # In a process of its own: the benchmarks have tables that the databases of the tests do not have.
    code = f"import {module} as it; it.make_parser().parse_args({words!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def _environment() -> dict[str, str]:
    left_out = ("SPLASH_URL", "DEMO_URL", "LOG_LEVEL", "LOG_FORMAT")
    ours = {name: value for name, value in os.environ.items() if name not in left_out}
    return ours | {"SPLASHDOWN_ENV_FILE": ""}


def _wait_for_a_run(engine: Engine, crawl: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        with Session(engine) as session:
            if session.query(CrawlRun).count():
                return
        assert time.monotonic() < until and crawl.poll() is None
        time.sleep(0.05)  # between two looks
