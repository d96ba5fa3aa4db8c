"""Workers that are processes crawl a site together, and one of them is killed; and what --shared refuses."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scrapy.settings import Settings
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from crawler.commands.work import shared_runs
from crawler.run.extension import claim
from crawler.run.stopping import CannotStart
from models import CrawlRun, CrawlWorker, RunLogLine, RunSample
from models.crawl_order import PAUSE, RESUME, STOP
from models.run import claim_run
from models.run_orders import ask_of_run
from models.session import make_engine, make_sessions
from tests.conftest import empty
from tests.crawls import scrapy
from tests.services import service
from tests.workers.workers import shared_site

HOSTS, PAGES = 6, 30
# A crawl takes 8 s, so that it is not over before the kill or the signal, however busy the machine is.
SETTINGS = {"DOWNLOAD_DELAY": 0.25, "RANDOMIZE_DOWNLOAD_DELAY": 0, "RUN_PARTITIONS": 16}
LEASES = {"WORKERS_URL": ""}


def wait_until(is_so: Callable[[], object], deadline: float = 60.0) -> None:
    until = time.monotonic() + deadline
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)  # between two looks


def test_the_tables_are_equal_when_one_of_three_workers_is_killed(server_url: str, tmp_path: Path) -> None:
    with shared_site(server_url, tmp_path, hosts=HOSTS, pages=PAGES, **SETTINGS) as workers:
        for _ in range(3):
            workers.start(env=LEASES)
        wait_until(lambda: len(workers.shares()) == 3 and workers.done() > 10)
        workers.processes[1].kill()
        codes = workers.wait(60)
        assert Counter(codes) == {0: 2, -9: 1}, workers.logs()[-4000:]
        assert workers.faults(HOSTS, PAGES, 1) == []


def test_a_worker_that_a_signal_ends_leaves_the_run_to_the_others(server_url: str, tmp_path: Path) -> None:
    with shared_site(server_url, tmp_path, hosts=HOSTS, pages=PAGES, **SETTINGS) as workers:
        for _ in range(2):
            workers.start(env=LEASES)
        wait_until(lambda: len(workers.shares()) == 2 and workers.done() > 10)
        workers.processes[0].terminate()
        assert workers.wait(60) == [0, 0], workers.logs()[-4000:]
        assert "it was left to another worker, as a signal asked" in workers.logs()
        assert workers.faults(HOSTS, PAGES, 1) == []


def test_a_worker_that_a_signal_ends_while_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    url = service("TEST_POSTGRESQL_URL", "PostgreSQL")
    settings = {**SETTINGS, "DOWNLOAD_DELAY": 30}
    with shared_site(url, tmp_path, hosts=HOSTS, pages=PAGES, **settings) as workers:
        workers.start(env=LEASES)
        wait_until(workers.shares)
        signalled = 'EXTENSIONS={"tests.workers.signal_at_start.SignalAtStart": %d}'
        early, late = (workers.start("-s", signalled % order, env=LEASES) for order in (14, 16))
        assert (early.wait(60), late.wait(60)) == (0, 0), workers.logs()[-4000:]
        assert "SIGTERM: the worker ends before it joins the run" in workers.logs()
        with Session(workers.engine) as session:
            found = session.execute(
                select(CrawlWorker.number, CrawlWorker.left_at).order_by(CrawlWorker.number)
            )
            assert [(row.number, row.left_at is not None) for row in found] == [(0, False), (1, True)]
        assert workers.shares().keys() <= {0}


def refusal(*options: str, spider: str = "quotes", **env: str) -> str:
    """Return the only line of a crawl with --shared that does not start."""
    done = scrapy("crawl", spider, "--shared", *options, **{"WORKERS_URL": "", "LOG_LEVEL": "ERROR", **env})
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_an_sqlite_file_cannot_be_shared(tmp_path: Path) -> None:
    line = refusal(DATABASE_URL=f"sqlite:///{tmp_path}/one.db")
    assert line.startswith("scrapy crawl: an SQLite file has one writer at a time")
    assert "set DATABASE_URL to MariaDB or PostgreSQL, or crawl without --shared" in line


@pytest.mark.parametrize("option", [("--pages", "3"), ("--failed-only",)])
def test_a_trial_and_the_failed_pages_cannot_be_shared(option: tuple[str, ...]) -> None:
    assert f"--shared and {option[0]} exclude each other" in refusal(*option)


@pytest.fixture
def sessions() -> Iterator[sessionmaker[Session]]:
    url = service("TEST_POSTGRESQL_URL", "PostgreSQL")
    empty(url)
    engine = make_engine(url)
    yield make_sessions(engine)
    engine.dispose()


def test_a_run_of_one_process_that_is_not_finished_cannot_be_shared(sessions: sessionmaker[Session]) -> None:
    run = claim_run(sessions, "quotes", {})
    with sessions.begin() as session:
        session.execute(update(CrawlRun).values(owner=None))
    line = refusal(DATABASE_URL=service("TEST_POSTGRESQL_URL", "PostgreSQL"))
    assert f"run {run.id} of quotes was begun by one process and is not finished" in line
    assert "`--shared --fresh` begins another one" in line


@pytest.mark.parametrize("number", [0, -1, 1025])
def test_a_wrong_number_of_partitions_is_refused(sessions: sessionmaker[Session], number: int) -> None:
    settings = Settings({"RUN_SHARED": True, "RUN_PARTITIONS": number})
    with pytest.raises(CannotStart, match=f"RUN_PARTITIONS is {number}: write a number from 1 to 1024"):
        claim(sessions, "hosts", {}, settings)


def test_a_spider_that_logs_in_cannot_be_shared() -> None:
    done = scrapy(
        *("crawl", "login", "--shared", "-s", "SPIDER_MODULES=tests.workers.login_spider"),
        DATABASE_URL=service("TEST_POSTGRESQL_URL", "PostgreSQL"),
        WORKERS_URL="",
    )
    assert done.returncode == 1
    assert "a login makes a session in one process only: crawl this spider without --shared" in done.stderr


def test_all_workers_pause_stop_and_resume_on_an_order(tmp_path: Path) -> None:
    url = service("TEST_POSTGRESQL_URL", "PostgreSQL")
    empty(url)
    with shared_site(url, tmp_path, hosts=HOSTS, pages=PAGES, **SETTINGS) as workers:

        def order(kind: str) -> None:
            with make_sessions(workers.engine).begin() as session:
                ask_of_run(session, kind, workers.last_run(), by="ann")

        for _ in range(2):
            workers.start(env=LEASES)
        wait_until(lambda: len(workers.shares()) == 2 and workers.done() > 10)
        order(PAUSE)
        wait_until(lambda: workers.logs().count("is paused by ann") == 2)
        order(STOP)
        assert workers.wait(60) == [4, 4], workers.logs()[-4000:]
        assert not workers.is_finished()
        with Session(workers.engine) as session:
            assert shared_runs(workers.engine, {"hosts"}, set()) == []  # `scrapy work` leaves it
            assert session.scalars(select(RunSample.queued)).first() is not None
            (reasons,) = session.scalars(select(CrawlRun.reasons))
            assert reasons == ["stopped by an order of ann"]
        workers.start(env=LEASES)
        wait_until(lambda: workers.logs().count("is paused by ann") == 3)
        assert [run.id for run in shared_runs(workers.engine, {"hosts"}, set())] == [workers.last_run()]
        order(RESUME)
        assert workers.wait(60) == [0], workers.logs()[-4000:]
        assert workers.faults(HOSTS, PAGES, 1) == []
        assert "worker 2: run " in "\n".join(logged(workers.engine))


def logged(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.scalars(select(RunLogLine.message)))
