"""Orders for a run: its crawl stops, pauses and resumes, and the commands that ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from crawler.run.interfaces import PageWriter
from crawler.run.watch import Looked, RunWatch
from models import CrawlOrder, CrawlRun
from models.crawl_order import ASKED, DONE, FAILED, OVER, PAUSE, RESUME, STOP
from models.run import ClaimedRun, RunEnd, claim_run, database_now, end_run
from models.run_orders import CannotAsk, Ordered, ask_of_run, carry_out
from models.session import make_sessions
from tests.crawler.endless_crawl import Crawl
from tests.crawls import scrapy

# --- In the database -----------------------------------------------------------------------------------------------


def ask(engine: Engine, *kinds: str, run_id: int) -> list[int]:
    with make_sessions(engine).begin() as session:
        return [ask_of_run(session, kind, run_id, by="ann")[0].id for kind in kinds]


def outcomes(engine: Engine) -> list[tuple[str, str, str | None]]:
    with Session(engine) as session:
        rows = session.execute(
            select(CrawlOrder.kind, CrawlOrder.state, CrawlOrder.message).order_by(CrawlOrder.id)
        )
        return [(row.kind, row.state, row.message) for row in rows]


def test_the_process_of_a_run_carries_out_its_orders_and_no_others(engine: Engine) -> None:
    sessions = make_sessions(engine)
    run, other = claim_run(sessions, "books", {}), claim_run(sessions, "books", {"tag": "x"})
    ask(engine, STOP, run_id=other.id)
    with sessions.begin() as session:
        assert carry_out(session, run) == Ordered()
    ask(engine, PAUSE, run_id=run.id)
    with sessions.begin() as session:
        assert carry_out(session, run).paused_by == "ann"
    with sessions.begin() as session:  # the next look, or the next process of the run
        assert carry_out(session, run).paused_by == "ann"
    ask(engine, RESUME, STOP, run_id=run.id)
    with sessions.begin() as session:
        assert carry_out(session, run) == Ordered(stopped_by="ann")
    with sessions.begin() as session:
        assert carry_out(session, run) == Ordered()
    assert outcomes(engine) == [
        (STOP, ASKED, None),
        (PAUSE, DONE, "the run is paused"),
        (RESUME, DONE, "the run goes on"),
        (STOP, DONE, "the crawl stops"),
    ]


def test_an_order_that_waits_is_not_asked_twice_and_ends_with_its_run(engine: Engine) -> None:
    sessions = make_sessions(engine)
    run = claim_run(sessions, "books", {})
    first, again, resume = (ask(engine, kind, run_id=run.id)[0] for kind in (PAUSE, PAUSE, RESUME))
    assert first == again != resume
    with sessions.begin() as session:
        session.execute(update(CrawlRun).values(paused_at=database_now(session), paused_by="ann"))
        end_run(session, run, RunEnd(reason="finished", finished=True), database_now(session))
    assert outcomes(engine) == [(PAUSE, FAILED, OVER), (RESUME, FAILED, OVER)]
    with sessions.begin() as session, pytest.raises(CannotAsk, match=f"run {run.id} is over since"):
        ask_of_run(session, STOP, run.id, by="ann")
    with Session(engine) as session:
        assert session.get_one(CrawlRun, run.id).paused_at is None


def test_a_run_that_is_given_up_ends_its_orders(engine: Engine) -> None:
    sessions = make_sessions(engine)
    run = claim_run(sessions, "books", {})
    ask(engine, STOP, run_id=run.id)
    with sessions.begin() as session:
        session.execute(update(CrawlRun).values(owner=None))
    claim_run(sessions, "books", {}, fresh=True)
    assert outcomes(engine) == [(STOP, FAILED, OVER)]


# --- In the crawl ----------------------------------------------------------------------------------------------------


class FakeWriter:
    """Answers each look with what a test has put into ``ordered``."""

    ordered = Ordered()

    def call(self, work: Callable[[Session], Any], done: Callable[[Any], Any]) -> None:
        asyncio.get_running_loop().call_soon(done, Looked(ordered=self.ordered))


def watched(
    monkeypatch: pytest.MonkeyPatch, *, running: bool = True
) -> tuple[RunWatch, FakeWriter, list[str]]:
    monkeypatch.setattr("crawler.run.watch.LOOK", 0.01)
    told: list[str] = []
    is_running = iter([running, True])

    def stop(reason: str) -> bool:
        told.append(reason)
        return next(is_running)

    writer = FakeWriter()
    run = ClaimedRun(id=7, spider="books", owner="me", commits=0, resumed=False, start_read=False)
    watch = RunWatch(run, cast(PageWriter, writer), stop=stop, wake=lambda: told.append("wake"))
    return watch, writer, told


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - the watch has its own clock
            await asyncio.sleep(0.01)


def test_a_run_that_is_paused_begins_paused_and_goes_on_when_it_is_resumed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        watch, writer, told = watched(monkeypatch)
        writer.ordered = Ordered(paused_by="ann", paused_at=cast(Any, make_time()))
        await watch.start()
        assert watch.is_paused and told == []
        writer.ordered = Ordered()
        await until(lambda: told)
        assert told == ["wake"] and not watch.is_paused
        watch.close()

    asyncio.run(work())
    assert "run 7 of books is paused by ann since 2026-05-01 12:00:00 UTC: no new pages" in caplog.text
    assert "scrapy runs resume 7` continues it" in caplog.text


def make_time() -> object:
    from datetime import UTC, datetime  # noqa: PLC0415

    return datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_stop_waits_until_the_engine_has_started_and_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        watch, writer, told = watched(monkeypatch, running=False)
        writer.ordered = Ordered(stopped_by="ann")
        await watch.start()
        await until(lambda: len(told) == 2)
        await until(lambda: watch._is_stopped)
        assert told == ["stopped by an order of ann"] * 2
        watch.close()

    asyncio.run(work())


# --- A process -------------------------------------------------------------------------------------------------------


@pytest.fixture
def crawl(tmp_path: Path, demo_site: str) -> Iterator[Crawl]:
    crawl = Crawl(tmp_path, demo_site)
    yield crawl
    crawl.end()


def test_people_pause_resume_and_stop_a_crawl(crawl: Crawl) -> None:
    def order(kind: str, says: str) -> None:
        done = scrapy("runs", kind, "1", **crawl.env)
        assert done.returncode == 0 and says in done.stdout, done.stderr

    crawl.start()
    crawl.until(lambda: crawl.pages > 3)
    order("pause", "pause run 1 of endless; its process does this within 5 s")
    crawl.until(lambda: "run 1 of endless is paused by" in crawl.log)
    shown = scrapy("runs", **crawl.env).stdout  # takes longer than a page in flight
    assert " paused " in shown
    pages, commits = crawl.pages, crawl.one(CrawlRun.commits)
    crawl.until(lambda: crawl.one(CrawlRun.commits) > commits)  # it looks for orders all the same
    assert crawl.pages == pages
    crawl.kill()

    process = crawl.start()
    crawl.until(lambda: crawl.log.count("run 1 of endless is paused by") == 2)
    assert "paused    since" in scrapy("runs", "show", "1", **crawl.env).stdout
    assert crawl.pages == pages
    order("resume", "resume run 1 of endless; its process does this within 5 s")
    crawl.until(lambda: crawl.pages > pages + 3)
    order("stop", "stop run 1 of endless; its process does this within 5 s")
    assert process.wait(40) == 4
    with Session(crawl.engine) as session:
        run = session.get_one(CrawlRun, 1)
        assert run.finish_reason == "shutdown" and run.unfinished is not None
        assert run.reasons is not None and run.reasons[0].startswith("stopped by an order of ")
    order("stop", "no process crawls it now: the next crawl does this first")
    assert crawl.start().wait(40) == 4


def test_an_order_for_no_run_is_refused_in_one_line(crawl: Crawl) -> None:
    done = scrapy("runs", "stop", "5", **crawl.env)
    assert done.returncode == 1
    assert done.stderr == "scrapy runs: there is no run 5; `scrapy runs` lists them\n"
