"""What a scheduler takes, takes over from schedulers that have died, and writes about its spiders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from models import CrawlOrder, CrawlRun, SchedulerProcess, SpiderSchedule
from models.crawl_order import (
    ACCEPT,
    ASKED,
    DONE,
    FAILED,
    OVER,
    REPLAY,
    START,
    STOP,
    TAKEN,
    ask,
    claim_order,
    take,
)
from models.process_id import Process
from models.run import OrderIsOver, claim_run, database_now
from models.scheduler import (
    AGAIN,
    ASK_AGAIN,
    BEGUN,
    UNKNOWN,
    Choice,
    SpiderFacts,
    beat,
    begin_command,
    choices,
    end_start,
    fail_orders_of_ended_runs,
    leave,
    note_next_times,
    note_spiders,
    orders_of,
    take_orders,
    take_over_orders,
)
from models.session import make_sessions

ME = str(Process.current())
DEAD = str(Process(host=Process.current().host, pid=2**22 + 1, started=1.0, token="dead"))
ELSEWHERE = str(Process(host="elsewhere", pid=7, started=1.0, token="x"))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Table:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.sessions = engine, make_sessions(engine)

    def ask(self, kind: str, spider: str | None = None, *, taken_by: str | None = None, **fields: Any) -> int:
        with self.sessions.begin() as session:
            order = ask(session, kind, by="ann", now=database_now(session), spider=spider, **fields)
            if taken_by is not None:
                take(session, order.id, taken_by, database_now(session))
            return order.id

    def do(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.sessions.begin() as session:
            return work(session, *arguments, **named)

    def taken_over(self, known: Any = ()) -> list[int]:
        with self.sessions.begin() as session:
            take_over_orders(session, {"books"}, ME, known, database_now(session))
            return [order.id for order in orders_of(session, ME, known)]

    def of(self, order_id: int) -> tuple[str, str | None]:
        with Session(self.engine) as session:
            order = session.get_one(CrawlOrder, order_id)
            return order.state, order.message


@pytest.fixture
def table(engine: Engine) -> Table:
    return Table(engine)


def test_a_scheduler_takes_the_orders_of_its_own_spiders_and_finds_each_until_it_knows_it(
    table: Table,
) -> None:
    run = claim_run(table.sessions, "films", {})
    mine = [
        table.ask(START, "books", arguments={"fresh": True}),
        table.ask(REPLAY, arguments={"snapshot": "1/2"}),
    ]
    others = [table.ask(START, "films"), table.ask(ACCEPT, run_id=run.id), table.ask(STOP, run_id=run.id)]
    table.do(take_orders, {"books"}, ME, NOON)
    found = table.do(orders_of, ME, ())
    assert [(order.id, order.asked_by) for order in found] == [(mine[0], "ann"), (mine[1], "ann")]
    assert found[0].arguments == {"fresh": True}
    assert [order.id for order in table.do(orders_of, ME, {mine[0]})] == [mine[1]]
    assert all(table.of(order) == (ASKED, None) for order in others)


def test_an_order_that_a_crawl_has_claimed_is_not_carried_out_again(table: Table) -> None:
    order = table.ask(START, "books", taken_by=ME)
    run = claim_run(table.sessions, "books", {}, order=order)
    assert run.order == order and table.do(orders_of, ME, ()) == []
    with pytest.raises(OrderIsOver, match=f"order {order} was carried out or withdrawn before"):
        claim_run(table.sessions, "books", {"tag": "x"}, order=order)
    with Session(table.engine) as session:
        assert list(session.scalars(select(CrawlRun.id))) == [run.id]  # the second crawl has begun none
    table.do(
        end_start, order, succeeded=True, message="nothing to do", now=NOON
    )  # the first crawl ends the order
    assert table.of(order) == (TAKEN, None)


def test_an_order_that_nobody_has_taken_starts_no_run(table: Table) -> None:
    order = table.ask(START, "books")
    with pytest.raises(OrderIsOver):
        claim_run(table.sessions, "books", {}, order=order)


def test_the_orders_of_a_dead_scheduler_are_carried_out_once_more_and_not_twice(table: Table) -> None:
    start, replay = table.ask(START, "books", taken_by=DEAD), table.ask(REPLAY, taken_by=DEAD)
    films = table.ask(START, "films", taken_by=DEAD)
    table.do(beat, DEAD, NOON)
    assert table.taken_over() == [start, replay]
    with Session(table.engine) as session:
        assert not session.scalars(select(SchedulerProcess)).all()
    assert table.taken_over(known={start, replay}) == []
    assert table.of(start) == (TAKEN, AGAIN) and table.of(films) == (TAKEN, None)
    with table.sessions.begin() as session:
        session.execute(update(CrawlOrder).values(taken_by=DEAD))
    assert table.taken_over() == []
    assert table.of(start) == table.of(replay) == (FAILED, ASK_AGAIN)


def test_a_command_that_has_begun_is_not_started_by_another_scheduler(table: Table) -> None:
    replay = table.ask(REPLAY, taken_by=DEAD)
    assert not table.do(begin_command, replay, ME)
    assert table.do(begin_command, replay, DEAD) and table.of(replay) == (TAKEN, BEGUN)
    assert table.taken_over() == [] and table.of(replay) == (FAILED, UNKNOWN)


@pytest.mark.parametrize("first", [None, AGAIN], ids=["taken once", "taken twice"])
def test_a_start_whose_crawl_claims_its_run_meanwhile_stays_as_it_is(
    table: Table, monkeypatch: pytest.MonkeyPatch, first: str | None
) -> None:
    start = table.ask(START, "books", taken_by=DEAD)
    with table.sessions.begin() as session:
        session.execute(update(CrawlOrder).values(message=first))

    def claimed(session: Session, order: CrawlOrder, _: object) -> bool:
        return claim_order(session, order.id, 1)  # after the order was read

    monkeypatch.setattr("models.scheduler._is_known", claimed)
    assert table.taken_over() == []
    assert table.of(start) == (TAKEN, first)


def test_a_scheduler_on_another_host_is_dead_when_its_heartbeat_is_old(table: Table) -> None:
    start = table.ask(START, "books", taken_by=ELSEWHERE)
    with table.sessions.begin() as session:
        beat(session, ELSEWHERE, database_now(session))
    assert table.taken_over() == []
    table.do(beat, ELSEWHERE, NOON)
    assert table.taken_over() == [start]


@pytest.mark.parametrize("taker", [DEAD, ME], ids=["dead", "me"])
def test_an_order_whose_crawl_was_killed_fails(table: Table, taker: str) -> None:
    order = table.ask(START, "books", taken_by=taker)
    run = claim_run(table.sessions, "books", {}, order=order)
    assert table.taken_over() == [] and table.of(order) == (TAKEN, None)  # this process has the run
    with table.sessions.begin() as session:
        session.execute(update(CrawlRun).values(owner=DEAD))
    assert table.taken_over() == []
    why = f"the crawl of run {run.id} ended without a verdict; the next crawl resumes the run"
    assert table.of(order) == (FAILED, why)


def test_a_crawl_that_could_not_start_ends_its_order(table: Table) -> None:
    good, bad = (table.ask(START, "books", taken_by=ME) for _ in range(2))
    table.do(end_start, good, succeeded=True, message="nothing to do", now=NOON)
    table.do(end_start, bad, succeeded=False, message="no such spider", now=NOON)
    assert [table.of(good), table.of(bad)] == [(DONE, "nothing to do"), (FAILED, "no such spider")]


def test_an_order_for_a_run_that_was_over_fails(table: Table) -> None:
    run = claim_run(table.sessions, "books", {})
    with table.sessions.begin() as session:
        session.execute(update(CrawlRun).values(finished_at=NOON))
    order = table.ask(STOP, run_id=run.id)
    table.do(fail_orders_of_ended_runs, NOON)
    assert table.of(order) == (FAILED, OVER)


def test_the_spiders_are_written_and_what_people_set_stays(table: Table) -> None:
    facts = {
        "books": SpiderFacts(declared="1 2 * * *", arguments=["tag"], recipients=["slack://***"]),
        "films": SpiderFacts(declared=None),
    }
    table.do(note_spiders, facts, "Europe/Berlin", NOON)
    with table.sessions.begin() as session:
        chosen = {"chosen": "off", "muted_until": NOON, "paused_at": NOON, "heard_by": ["slack://***"]}
        session.execute(update(SpiderSchedule).values(chosen))
    books_now = SpiderFacts(declared="5 2 * * *", recipients=["mailto://***"])
    table.do(note_spiders, {"books": books_now}, "UTC", NOON)
    table.do(note_next_times, {"books": NOON})
    with Session(table.engine) as session:
        books, films = session.scalars(select(SpiderSchedule).order_by(SpiderSchedule.spider))
        assert (books.declared, books.timezone, books.spider_arguments) == ("5 2 * * *", "UTC", None)
        assert (films.spider, films.declared, films.timezone) == ("films", None, "Europe/Berlin")
        assert (books.chosen, books.muted_until, books.paused_at, books.next_at) == ("off", NOON, NOON, NOON)
        assert (books.recipients, books.heard_by) == (["mailto://***"], ["slack://***"])
        assert films.recipients == []
    assert table.do(choices, {"books"}) == {"books": Choice(chosen="off", is_paused=True)}


def test_a_scheduler_that_ends_leaves_no_row(table: Table) -> None:
    for now in (NOON, datetime(2026, 5, 1, 12, 1, tzinfo=UTC)):
        table.do(beat, ME, now)
    with Session(table.engine) as session:
        (row,) = session.scalars(select(SchedulerProcess))
        assert row.started_at == NOON < row.heartbeat_at
    table.do(leave, ME)
    with Session(table.engine) as session:
        assert not session.scalars(select(SchedulerProcess)).all()
