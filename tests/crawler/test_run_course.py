"""The course of a run in the database: its samples and its last log lines."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crawler.logs.recent_lines import RecentLines
from crawler.logs.run_ids import current_run
from crawler.run.samples import INTERVAL, RunSamples, Taken
from crawler.run.watch import store_end
from crawler.stat_names import PLAIN_PAGES, RENDERED_PAGES
from models import HostRate, RunLogLine, RunSample
from models.redaction import forget_all, remember
from models.request import Settled, insert_new, settle
from models.run import ClaimedRun, claim_run, database_now
from models.run_log import LogLine, store_log_lines
from models.run_sample import MOST_SAMPLES, Sample, add_work, store_sample
from models.run_sample import Work as WorkDone
from models.run_stats import RunStats
from models.session import make_sessions
from tests.crawler.endless_crawl import Crawl
from tests.crawls import scrapy
from tests.frontier.fakes import new_request

RUN = ClaimedRun(id=7, spider="books", owner="me", commits=0, resumed=False, start_read=False)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def pages_by_way(engine: Engine) -> list[tuple[int | None, int | None]]:
    """Return the rendered and the plain pages of each sample."""
    with Session(engine) as session:
        rows = session.scalars(select(RunSample).order_by(RunSample.number))
        return [(one.rendered, one.plain) for one in rows]


def samples_of(engine: Engine) -> list[tuple[int, int, int, int]]:
    with Session(engine) as session:
        rows = session.scalars(select(RunSample).order_by(RunSample.number))
        return [(one.queued, one.done, one.failed, one.rows) for one in rows]


class Work:
    """A process that has done something: the queues and the stats of a crawl."""

    def __init__(self, run: ClaimedRun, *, is_sampler: bool = True) -> None:
        self.stats: dict[str, int] = {}
        self.queues = {"window": 3, "table": 20, "in_flight": 2, "uncommitted": 9}
        self.samples = RunSamples(
            run,
            queues=lambda: self.queues,
            stat=lambda name: self.stats.get(name, 0),
            is_sampler=lambda: is_sampler,
        )

    def take(self, engine: Engine) -> Taken:
        store = self.samples.due()
        assert store is not None
        with make_sessions(engine).begin() as session:
            taken = store(session)
        self.samples.taken(taken)
        self.samples._next_at = 0.0  # the next one is due
        return taken


def test_a_resumed_run_continues_the_numbers_of_its_last_process(engine: Engine) -> None:
    run = claim_run(make_sessions(engine), "books", {})
    with make_sessions(engine).begin() as session:
        insert_new(session, run.id, [new_request(n) for n in range(5)], lambda _: False)
        settled = [Settled(number=n, state=state) for n, state in enumerate(("done", "failed", "refused"))]
        settle(session, run.id, settled, database_now(session))
        store_sample(session, run.id, Sample(queued=2, done=1, failed=2, rows=30), NOW)
    resumed = Work(ClaimedRun(**{**vars(run), "resumed": True}))
    resumed.take(engine)
    resumed.stats = {"pages/done": 4, "pages/failed": 1, "pages/refused": 1, "rows/stored": 5}
    resumed.queues = {"window": 1}
    resumed.take(engine)
    assert samples_of(engine) == [(2, 1, 2, 30), (25, 1, 2, 30), (1, 5, 4, 35)]


def test_a_resumed_run_adds_to_the_rendered_and_plain_pages_of_its_last_process(engine: Engine) -> None:
    run = claim_run(make_sessions(engine), "books", {})
    first = Work(run)
    first.take(engine)
    first.stats = {RENDERED_PAGES: 4, PLAIN_PAGES: 1}
    first.take(engine)
    resumed = Work(ClaimedRun(**{**vars(run), "resumed": True}))
    resumed.stats = {RENDERED_PAGES: 2, PLAIN_PAGES: 3}
    resumed.take(engine)
    resumed.stats = {RENDERED_PAGES: 2, PLAIN_PAGES: 7}
    resumed.take(engine)
    assert pages_by_way(engine) == [(0, 0), (4, 1), (6, 4), (6, 8)]
    resumed.stats = {RENDERED_PAGES: 3, PLAIN_PAGES: 7, "rows/stored": 2}
    store_end(make_sessions(engine), run, RunStats(pages={"done": 15}), None, resumed.samples.at_end())
    assert samples_of(engine)[-1] == (0, 15, 0, 2)
    assert pages_by_way(engine)[-1] == (7, 8), "the last sample has what came since the one before"


def test_the_ways_of_the_pages_of_a_run_from_before_the_update_are_not_known(engine: Engine) -> None:
    run = claim_run(make_sessions(engine), "books", {})
    with make_sessions(engine).begin() as session:
        store_sample(session, run.id, Sample(done=5), NOW)
    resumed = Work(ClaimedRun(**{**vars(run), "resumed": True}))
    resumed.stats = {RENDERED_PAGES: 2, PLAIN_PAGES: 3}
    resumed.take(engine)
    assert pages_by_way(engine) == [(None, None), (None, None)]


def test_samples_come_half_as_often_when_there_are_too_many(engine: Engine) -> None:
    run = claim_run(make_sessions(engine), "books", {})
    with make_sessions(engine).begin() as session:
        for _ in range(MOST_SAMPLES):
            store_sample(session, run.id, Sample(), NOW)
    work = Work(run)
    assert work.take(engine).thinned
    assert work.samples._interval == 2 * INTERVAL
    assert len(samples_of(engine)) == MOST_SAMPLES // 2 + 1
    assert not work.take(engine).thinned
    work.samples.taken(Taken(work=WorkDone()))
    assert work.samples.due() is None  # not yet


def test_the_workers_of_a_shared_run_add_their_work_to_one_sample(server_url: str) -> None:
    from models.session import make_engine  # noqa: PLC0415
    from models.shared_run import join_run  # noqa: PLC0415

    engine = make_engine(server_url)
    sessions = make_sessions(engine)
    first, second = (join_run(sessions, "books", {}, partitions=4) for _ in range(2))
    with sessions.begin() as session:
        insert_new(session, first.id, [new_request(n) for n in range(5)], lambda _: False, is_shared=True)
    sampler, other = Work(first), Work(second, is_sampler=False)
    other.stats = {"rows/stored": 7, RENDERED_PAGES: 2}
    other.take(engine)  # there is no sample yet, so the rows come later
    sampler.stats = {"rows/stored": 10}
    sampler.take(engine)
    other.take(engine)
    assert other.samples.due() is None  # it has nothing to add
    sampler.stats = {"rows/stored": 12, PLAIN_PAGES: 3}
    sampler.take(engine)
    assert samples_of(engine) == [(5, 0, 0, 17), (5, 0, 0, 19)]
    assert pages_by_way(engine) == [(2, 0), (2, 3)]
    other.stats = {"rows/stored": 7, RENDERED_PAGES: 5}
    store_end(sessions, second, None, None, other.samples.at_end())
    sampler.stats = {"rows/stored": 12, PLAIN_PAGES: 4}
    store_end(sessions, first, RunStats(pages={"done": 9}), None, sampler.samples.at_end())
    assert pages_by_way(engine)[-1] == (5, 4), "each worker adds its last pages"
    with sessions.begin() as session:
        assert not add_work(session, first.id + 1, WorkDone(rows=5))
    engine.dispose()


def test_the_newest_lines_are_kept(engine: Engine) -> None:
    run = claim_run(make_sessions(engine), "books", {})
    for begin in (0, 3):
        with make_sessions(engine).begin() as session:
            lines = [
                LogLine(at=NOW, level="INFO", logger="x", message=f"{n}\0") for n in range(begin, begin + 3)
            ]
            store_log_lines(session, run.id, lines, keep=4)
    with Session(engine) as session:
        stored = session.scalars(select(RunLogLine).order_by(RunLogLine.number)).all()
        assert [(one.number, one.message[0]) for one in stored] == [(2, "2"), (3, "3"), (4, "4"), (5, "5")]


@pytest.fixture
def logger() -> Any:
    logger = logging.getLogger("splashdown.test_run_course")
    logger.setLevel(logging.DEBUG)
    yield logger
    forget_all()


def test_the_lines_that_tell_people_something_are_collected_without_secrets(logger: logging.Logger) -> None:
    remember("s3cr3t-value")
    handler = RecentLines(ClaimedRun(**{**vars(RUN), "worker": 2}), keep=3)
    other = logging.getLogger("scrapy.test_run_course")
    other.setLevel(logging.DEBUG)
    for one in (logger, other):
        one.addHandler(handler)
    try:
        logger.debug("not this one")
        other.info("and not this one")
        logger.info("the password is s3cr3t-value \x1b[31m")
        other.warning("retried %s", "http://shop/?token=abc")
        current_run.set(ClaimedRun(**{**vars(RUN), "id": 8}))
        logger.info("a line of another crawl")
        current_run.set(None)
        for number in range(2):
            logger.error("line %d", number)
    finally:
        current_run.set(None)
        for one in (logger, other):
            one.removeHandler(handler)
    lines = handler.pending()
    assert [number for number, _ in lines] == [2, 3, 4]  # the first one was not stored in time
    assert lines[0][1].message == "worker 2: retried http://shop/?token=***"
    handler.stored(3)
    assert [line.message for _, line in handler.pending()] == ["worker 2: line 1"]


def test_a_crawl_leaves_its_last_lines_and_a_sample_of_its_end(tmp_path: Path, demo_site: str) -> None:
    crawl = Crawl(tmp_path, demo_site)
    done = scrapy("crawl", "late", **crawl.env)
    assert done.returncode == 0, done.stderr
    lines = crawl.all(RunLogLine.message)
    assert any(line.startswith("run 1 of late begins") for line in lines)
    assert "run 1 of late: good (exit code 0)" in lines
    assert samples_of(crawl.engine)[-1] == (0, 3, 0, 0)
    assert pages_by_way(crawl.engine)[-1] == (0, 3)
    assert scrapy("crawl", "late", **crawl.env, RUN_LOG_LINES="0").returncode == 0
    assert set(crawl.all(RunLogLine.run_id)) == {1}
    crawl.end()


def test_a_crawl_stores_the_pages_of_its_hosts_and_deletes_them_at_its_end(
    tmp_path: Path, demo_site: str
) -> None:
    crawl = Crawl(tmp_path, demo_site)
    try:
        process = crawl.start()
        crawl.until(lambda: crawl.one(HostRate.host))
        with Session(crawl.engine) as session:
            rate = session.scalars(select(HostRate)).one()
        assert f"http://{rate.host}" == demo_site
        assert (rate.run_id, rate.worker) == (1, 0)
        assert rate.pages > 0 and rate.seconds > 0
        process.terminate()
        assert process.wait(40) == 4
        assert crawl.all(HostRate.host) == []
    finally:
        crawl.end()
