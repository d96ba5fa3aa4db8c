"""``scrapy work`` in a project of its own: it takes part in the shared runs that are there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.orm import Session

from crawler.commands.work import SharedRunFound, shared_runs
from crawler.project_folder import make_project
from models.run import CrawlRun
from models.schema import upgrade
from models.session import make_engine, make_sessions
from models.shared_run import join_run
from tests.processes import server
from tests.services import not_tested

SITE = """
import os

from scrapy import Request, Spider
from sqlalchemy.orm import Mapped, mapped_column

from splashdown import ExactString, Row


class Film(Row):
    __tablename__ = "film"

    url: Mapped[str] = mapped_column(ExactString(200), primary_key=True)
    title: Mapped[str] = mapped_column(ExactString(100))


class Films(Spider):
    name = "films"
    model = Film
    custom_settings = {"RENDERER_ENABLED": False, "ROBOTSTXT_OBEY": False, "DOWNLOAD_DELAY": 0.4}

    async def start(self):
        yield Request(os.environ["HOSTS_URL"] + "/0")

    def parse(self, response):
        page = response.json()
        yield Film.item(url=response.url, title=page["title"])
        for url in page["links"]:
            yield Request(url)
"""
HOSTS, PAGES = 4, 12


@pytest.fixture
def database() -> Iterator[str]:
    """Yield the URL of a MariaDB database of this test's own."""
    given = os.environ.get("TEST_MARIADB_URL")
    if not given:
        not_tested("scrapy work: TEST_MARIADB_URL is not set")
    name = f"splashdown_work_{uuid.uuid4().hex[:8]}"
    server_of = create_engine(given)
    with server_of.begin() as connection:
        connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    try:
        yield make_url(given).set(database=name).render_as_string(hide_password=False)
    finally:
        with server_of.begin() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
        server_of.dispose()


def begun(project: Path, arguments: Sequence[str], env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=project,
        env={k: v for k, v in os.environ.items() if k not in ("SPLASH_URL", "LOG_LEVEL")} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_worker_finishes_the_run_of_a_dead_one_and_ends_by_sigterm(database: str, tmp_path: Path) -> None:
    project = make_project("shop", str(tmp_path / "shop"))
    (project / "sites" / "films.py").write_text(SITE)
    with server(
        *("tests.workers.hosts_site", "--hosts", str(HOSTS), "--pages", str(PAGES), "--delay", "0.05")
    ) as site:
        env = {"DATABASE_URL": database, "HOSTS_URL": site, "SPLASHDOWN_ENV_FILE": ""}
        migrated = begun(project, ["migrate", "--new"], env)
        said, _ = migrated.communicate(timeout=60)
        assert migrated.returncode == 0, said
        engine = make_engine(database)

        idle = begun(project, ["work"], env)
        assert idle.stdout is not None
        assert any("waits for shared runs of films" in line for line in idle.stdout)
        idle.send_signal(signal.SIGTERM)
        assert idle.wait(30) == 0

        first = begun(project, ["crawl", "films", "--shared"], env)
        wait_for(engine, "SELECT count(*) FROM film", 3, first)
        first.kill()
        first.communicate()

        worker = begun(project, ["work", "--once"], env)
        said, _ = worker.communicate(timeout=120)
        assert worker.returncode == 0 and "joins run 1 of films" in said, said[-3000:]
        with Session(engine) as session:
            assert session.scalar(text("SELECT count(*) FROM film")) == HOSTS * PAGES
            (run,) = session.scalars(select(CrawlRun)).all()
            assert (run.verdict, run.finish_reason, run.workers) == (0, "finished", 2)
        engine.dispose()


def wait_for(engine: Any, query: str, least: int, process: subprocess.Popen[str]) -> None:
    """Wait until a query returns at least this number."""
    until = time.monotonic() + 60
    while process.poll() is None:
        with engine.connect() as connection:
            if (connection.scalar(text(query)) or 0) >= least:
                return
        assert time.monotonic() < until
        threading.Event().wait(0.05)  # between two looks
    raise AssertionError(process.communicate()[0][-3000:])


def test_only_runs_whose_arguments_are_in_the_table_are_joined(database: str) -> None:
    engine = make_engine(database)
    upgrade(engine)
    sessions = make_sessions(engine)
    plain = join_run(sessions, "films", {"shop": "one"}, partitions=4)
    join_run(sessions, "films", {"password": "hunter2hunter2"}, partitions=4)
    join_run(sessions, "others", {}, partitions=4)
    told: set[int] = set()
    found = shared_runs(engine, {"films"}, told)
    assert found == [SharedRunFound(id=plain.id, spider="films", arguments={"shop": "one"})]
    assert len(told) == 1
    assert found[0].command()[3:] == [
        "crawl",
        "films",
        "-a",
        "shop=one",
        "--shared",
        "-s",
        f"RUN_JOIN={plain.id}",
    ]
    engine.dispose()
