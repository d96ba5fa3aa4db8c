"""The scheduler carries out orders: commands, plans, and processes that are killed."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crawler.commands.schedule import names_of_arguments
from crawler.schedule.database import Look, OrderResult, SchedulerDatabase
from crawler.schedule.expression import CronExpression
from crawler.schedule.order_commands import WrongOrder, command_of
from crawler.schedule.orders import Orders
from crawler.schedule.runner import Runner
from models import CrawlOrder, CrawlRun, SchedulerProcess, SpiderSchedule
from models.crawl_order import ACCEPT, DONE, FAILED, REPLAY, SAVE_TEST, SEND_AGAIN, START, STOP, ask
from models.run import database_now
from models.run_orders import ask_of_run
from models.scheduler import Choice, SpiderFacts, TakenOrder
from models.session import make_sessions
from spiders.base import SiteSpider
from tests.crawler.endless_crawl import Crawl


def order(kind: str, *, spider: str | None = None, run_id: int | None = None, **arguments: Any) -> TakenOrder:
    return TakenOrder(id=5, kind=kind, spider=spider, run_id=run_id, asked_by="ann", arguments=arguments)


@pytest.mark.parametrize(
    ("one", "command"),
    [
        (
            order(START, spider="books", arguments={"tag": "a b", "n": 3}, failed_only=True),
            "crawl|books|-a|tag=a b|-a|n=3|--failed-only|-s|RUN_ORDER=5",
        ),
        (order(START, spider="books", fresh=True), "crawl|books|--fresh|-s|RUN_ORDER=5"),
        (order(REPLAY, snapshot="7/12"), "replay|--page|7/12"),
        (order(SAVE_TEST, snapshot="7/12"), "replay|--save-test|--page|7/12"),
        (order(ACCEPT, run_id=7), "runs|accept|7|--by=ann"),
        (order(SEND_AGAIN), "events|--retry"),
        (order(SEND_AGAIN, sink="-x"), "events|--retry|--sink=-x"),
    ],
)
def test_an_order_is_a_command(one: TakenOrder, command: str) -> None:
    assert command_of(one) == command.split("|")


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (order(START), "names no spider"),
        (order(START, spider="books", arguments={"password": "x"}), "the argument password is a secret"),
        (order(START, spider="books", arguments={"-o": "x"}), "no name of an argument"),
        (order(START, spider="books", arguments={"tag": ["x"]}), "its value is no text"),
        (order(START, spider="books", arguments={"tag": "\0"}), "NUL character"),
        (order(START, spider="books", arguments="x"), "texts by name"),
        (order(START, spider="books", fresh=True, failed_only=True), "exclude each other"),
        (order(REPLAY, snapshot="../7/12"), "RUN/NUMBER"),
        (order(ACCEPT), "names no run"),
        (order(SEND_AGAIN, sink=5), "no text"),
        (order(STOP), "no scheduler carries out"),
    ],
)
def test_a_wrong_order_is_refused(one: TakenOrder, why: str) -> None:
    with pytest.raises(WrongOrder, match=why):
        command_of(one)


def test_what_people_set_holds_over_the_declared_schedule(caplog: pytest.LogCaptureFixture) -> None:
    declared = {"books": CronExpression("1 2 * * *")}
    facts = {name: SpiderFacts(declared=None) for name in ("books", "films")}
    runner = Runner(declared, lambda name: [name], cwd=Path(), spiders=facts)

    class Database:
        spiders = facts

    orders = Orders(cast(SchedulerDatabase, Database()), runner, declared, program=list, cwd=Path())

    def plans(books: Choice | None, films: Choice | None = None) -> list[str | None]:
        orders.replan({n: c for n, c in (("books", books), ("films", films)) if c is not None})
        return [str(one) if one else None for one in runner._plans.values()]

    assert plans(None) == ["1 2 * * *", None]
    assert plans(
        Choice(chosen="5 * * * *", is_paused=False), Choice(chosen="0 0 * * 1", is_paused=False)
    ) == [
        "5 * * * *",
        "0 0 * * 1",
    ]
    assert plans(Choice(chosen="off", is_paused=False)) == [None, None]
    assert plans(Choice(chosen=None, is_paused=True)) == [None, None]
    with caplog.at_level(logging.WARNING, logger="splashdown.schedule"):
        for _ in range(2):
            assert plans(Choice(chosen="often", is_paused=False)) == ["1 2 * * *", None]
    assert len(caplog.records) == 1
    assert "the schedule 'often' that was set for books is ignored: it takes five fields" in caplog.text


def test_the_names_of_arguments_are_those_that_init_names() -> None:
    class Plain(SiteSpider):
        name = "plain"

    class Named(SiteSpider):
        name = "named"

        def __init__(self, tag: str = "", *, pages: int = 1, **more: Any) -> None:
            super().__init__(**more)

    assert names_of_arguments(Plain) is None
    assert names_of_arguments(Named) == ["tag", "pages"]


def test_a_database_that_is_away_is_said_once_and_orders_come_when_it_is_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.schedule.orders.LOOK", 0.01)
    sent: list[tuple[list[str], bool]] = []

    class Database:
        spiders: dict[str, SpiderFacts] = {}  # noqa: RUF012
        looks = 0

        def look(self, _: Any, results: list[OrderResult], known: set[int], *, takes: bool) -> Look:
            self.looks += 1
            if self.looks <= 3:
                raise OperationalError("SELECT 1", None, Exception("gone away"))
            if results:
                sent.append(([one.message for one in results], takes))
                runner.stop()
            first = self.looks == 4
            return Look(choices={}, orders=[order(SEND_AGAIN)] if first and 5 not in known else [])

        def begin_command(self, _: int) -> bool:
            return True

        def leave(self) -> None:
            sent.append(([], False))

    async def run() -> None:
        program = [sys.executable, "-c", "print('password=hush-hush sent')"]
        orders = Orders(
            cast(SchedulerDatabase, Database()), runner, {}, program=lambda _: program, cwd=Path()
        )
        async with asyncio.timeout(60):
            await orders.run()

    runner = Runner({}, lambda name: [name], cwd=Path())
    with caplog.at_level(logging.WARNING, logger="splashdown.schedule"):
        asyncio.run(run())
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(":")[0] for line in lines] == ["no orders are read", "the database answers again"]
    assert sent == [(["password=*** sent"], True), ([], False)]


def test_a_command_whose_order_another_scheduler_has_taken_over_is_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("crawler.schedule.orders.LOOK", 0.01)
    begun: list[int] = []

    class Database:
        spiders: dict[str, SpiderFacts] = {}  # noqa: RUF012
        is_first = True

        def look(self, _: Any, results: list[OrderResult], known: set[int], *, takes: bool) -> Look:
            assert results == []
            if begun[1:] and not known:
                runner.stop()
            found = [order(SEND_AGAIN)] if self.is_first else []
            self.is_first = False
            return Look(choices={}, orders=found)

        def begin_command(self, order_id: int) -> bool:
            begun.append(order_id)
            if len(begun) == 1:
                raise OperationalError("UPDATE", None, Exception("gone away"))
            return False

        def leave(self) -> None: ...

    async def run() -> None:
        program = [sys.executable, "-c", "open('carried out', 'w')"]
        orders = Orders(
            cast(SchedulerDatabase, Database()), runner, {}, program=lambda _: program, cwd=tmp_path
        )
        async with asyncio.timeout(60):
            await orders.run()

    runner = Runner({}, lambda name: [name], cwd=tmp_path)
    asyncio.run(run())
    assert begun == [5, 5]
    assert list(tmp_path.iterdir()) == []


# --- Processes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def scheduler(tmp_path: Path, demo_site: str) -> Iterator[Crawl]:
    crawl = Crawl(tmp_path, demo_site)
    yield crawl
    crawl.end()


def asked(crawl: Crawl, kind: str, spider: str | None = None, **fields: Any) -> int:
    with make_sessions(crawl.engine).begin() as session:
        return ask(session, kind, by="ann", now=database_now(session), spider=spider, **fields).id


def of(crawl: Crawl, order_id: int) -> CrawlOrder:
    with Session(crawl.engine, expire_on_commit=False) as session:
        return session.get_one(CrawlOrder, order_id)


def test_an_order_is_carried_out_once_whoever_is_killed(scheduler: Crawl) -> None:
    scheduler.start("schedule", "--run")
    first = asked(scheduler, START, "endless", arguments={"arguments": {"tag": "x"}})
    scheduler.until(lambda: of(scheduler, first).taken_by)
    scheduler.kill()  # its crawl has not claimed a run yet, or has just done so

    running = scheduler.start("schedule", "--run")
    scheduler.until(lambda: of(scheduler, first).run_id)
    wrong = asked(scheduler, START, "endless", arguments={"arguments": {"api_key": "x"}})
    nothing = asked(scheduler, START, "late", arguments={"failed_only": True})
    accept = asked(scheduler, ACCEPT, run_id=1)
    scheduler.until(lambda: all(of(scheduler, one).ended_at for one in (wrong, nothing, accept)))
    assert "is a secret" in str(of(scheduler, wrong).message)
    assert "late has no run with these arguments" in str(of(scheduler, nothing).message)
    assert "exit code 1, could not start" in str(of(scheduler, nothing).message)
    assert of(scheduler, accept).state == FAILED and "run 1 is not finished" in str(
        of(scheduler, accept).message
    )

    with make_sessions(scheduler.engine).begin() as session:
        ask_of_run(session, STOP, 1, by="ann")
    scheduler.until(lambda: of(scheduler, first).ended_at)
    done = of(scheduler, first)
    assert (done.state, done.run_id) == (DONE, 1)
    assert done.message == "run 1: interrupted (exit code 4); stopped by an order of ann"
    assert scheduler.all(CrawlRun.id) == [1]
    scheduler.until(lambda: not any(one.is_running() for one in scheduler.left))  # it ends after its run

    second = asked(scheduler, START, "endless")
    scheduler.until(lambda: of(scheduler, second).run_id == 2)
    scheduler.kill()
    (crawl,) = (one for one in scheduler.left if one.is_running())
    crawl.kill()
    address = "json://ann:hush-hush@alarms.example"
    scheduler.env["ALERT_URLS"] = f"{address}/hooks/x {address}/hooks/y"
    running = scheduler.start("schedule", "--run")
    scheduler.until(lambda: of(scheduler, second).ended_at)
    assert of(scheduler, second).message == (
        "the crawl of run 2 ended without a verdict; the next crawl resumes the run"
    )
    assert "endless" in scheduler.all(SpiderSchedule.spider)
    shown = "json://***@alarms.example/***"
    assert scheduler.all(SpiderSchedule.recipients)[0] == [shown, f"{shown} (2)"]
    running.terminate()
    assert running.wait(40) == 0
    assert scheduler.all(SchedulerProcess.process) == []
    assert "only orders and schedules of the console are carried out" in scheduler.log
