"""Asking for something: the checks of an order before it is inserted, for pages and for the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.database import writing
from console.security.actions import note_action
from console.security.identity import person
from crawler.run.acceptance import refusal
from crawler.run.state import PAUSED, RUNNING, is_worked_on, state_of
from models import CrawlRun
from models.crawl_order import (
    ACCEPT,
    OF_RUN,
    OPEN,
    PAUSE,
    REPLAY,
    RESUME,
    SAVE_TEST,
    SEND_AGAIN,
    START,
    CrawlOrder,
    ask,
)
from models.relay import OutboxSink
from models.run import database_now
from models.run_orders import CannotAsk, ask_of_run
from models.secret_names import may_be_secret
from models.spider_schedule import SpiderSchedule
from models.text import storable

LONGEST_ARGUMENT = 1000


class CannotOrder(Exception):
    """The order makes no sense now; the message says why, and what to do."""


class NoSuchSink(Exception):
    """No relay ever had the sink."""

    def __init__(self, sink: str) -> None:
        super().__init__(f"no relay ever had the sink {sink[:200]!r}")


def order_for_run(run_id: int, kind: str) -> CrawlOrder:
    """Ask the crawl of a run to stop, to pause or to resume.

    Raises:
        CannotOrder: the run is not running, or is in that state already.
    """
    assert kind in OF_RUN
    with writing() as session:
        now = database_now(session)
        run = session.get(CrawlRun, run_id)
        if run is None:
            raise CannotOrder(f"there is no run {run_id}")
        state = state_of(run, now, working=is_worked_on(session, run, now))
        if state not in (RUNNING, PAUSED):
            raise CannotOrder(f"run {run_id} is not running: it is {state}")
        if kind == PAUSE and run.paused_at is not None:
            raise CannotOrder(f"run {run_id} is paused already")
        if kind == RESUME and run.paused_at is None:
            raise CannotOrder(f"run {run_id} is not paused")
        try:
            order, is_new = ask_of_run(session, kind, run_id, by=person().actor)
        except CannotAsk as error:
            raise CannotOrder(str(error)) from None
        if not is_new:
            raise CannotOrder(f"{order.asked_by} has asked for this already (order {order.id})")
        note_action(session, f"order {kind}", f"run {run_id} of {run.spider}")
        return order


def order_start(
    spider: str, arguments: Mapping[str, str], *, failed_only: bool = False, fresh: bool = False
) -> CrawlOrder:
    """Ask the scheduler to start a crawl.

    Raises:
        CannotOrder: the scheduler does not know the spider, or an argument cannot be stored.
    """
    if failed_only and fresh:
        raise CannotOrder("choose one: only the failed pages of the last run, or a new run")
    for name, value in arguments.items():
        if not name.isidentifier():
            raise CannotOrder(f"{name!r} cannot be the name of an argument")
        if may_be_secret(name):
            raise CannotOrder(
                f"the argument {name} looks like a secret, which must not be stored in an order: give it to the "
                "crawl in the environment"
            )
        if len(value) > LONGEST_ARGUMENT:
            raise CannotOrder(f"the argument {name} is longer than {LONGEST_ARGUMENT} characters")
    with writing() as session:
        if session.get(SpiderSchedule, storable(spider)) is None:
            raise CannotOrder(f"no scheduler knows the spider {spider}: start `scrapy schedule --run`")
        order = ask(
            session,
            START,
            by=person().actor,
            now=database_now(session),
            spider=spider,
            arguments={"arguments": dict(arguments), "failed_only": failed_only, "fresh": fresh},
        )
        note_action(session, "order start", f"{spider} {dict(arguments) or ''}".strip())
        return order


def order_for_page(kind: str, name: str) -> CrawlOrder:
    """Ask the scheduler to replay a page, or to save it as a test.

    Args:
        name: of its snapshot: RUN/NUMBER.

    Raises:
        CannotOrder: its run is not in the database, or it was asked for already.
    """
    assert kind in (REPLAY, SAVE_TEST)
    run_id = int(name.partition("/")[0])
    with writing() as session:
        run = session.get(CrawlRun, run_id) if run_id < 2**31 else None
        if run is None:
            raise CannotOrder(f"there is no run {run_id} in this database")
        known = session.query(CrawlOrder).filter(
            CrawlOrder.run_id == run_id, CrawlOrder.kind == kind, CrawlOrder.state.in_(OPEN)
        )
        for same in known:
            if (same.arguments or {}).get("snapshot") == name:
                raise CannotOrder(f"{same.asked_by} has asked for this already (order {same.id})")
        spider = run.spider
    return order_command(kind, {"snapshot": name}, f"page {name} of {spider}", spider=spider, run_id=run_id)


def order_acceptance(run_id: int) -> CrawlOrder:
    """Ask the scheduler to accept a run that is below its policy.

    Raises:
        CannotOrder: the run cannot be accepted, or it was asked for already.
    """
    with writing() as session:
        run = session.get(CrawlRun, run_id)
        if run is None:
            raise CannotOrder(f"there is no run {run_id}")
        if (why := refusal(run)) is not None:
            raise CannotOrder(why)
        if run.accepted_at is not None:
            raise CannotOrder(f"run {run_id} is accepted already, by {run.accepted_by}")
        known = session.query(CrawlOrder).filter(
            CrawlOrder.run_id == run_id, CrawlOrder.kind == ACCEPT, CrawlOrder.state.in_(OPEN)
        )
        if (same := known.first()) is not None:
            raise CannotOrder(f"{same.asked_by} has asked for this already (order {same.id})")
        spider = run.spider
    return order_command(ACCEPT, {}, f"run {run_id} of {spider}", spider=spider, run_id=run_id)


def order_command(
    kind: str,
    arguments: Mapping[str, Any],
    target: str,
    *,
    spider: str | None = None,
    run_id: int | None = None,
) -> CrawlOrder:
    """Ask the scheduler for a replay, a test case, the acceptance of a run, or refused events again.

    Args:
        target: what it is about, for the list of actions.
    """
    with writing() as session:
        order = ask(
            session,
            kind,
            by=person().actor,
            now=database_now(session),
            spider=spider,
            run_id=run_id,
            arguments=arguments,
        )
        note_action(session, f"order {kind}", target)
        return order


def order_send_again(sink: str | None) -> CrawlOrder:
    """Ask for the refused events again.

    Args:
        sink: only those that this sink refused; None: those of all.

    Raises:
        NoSuchSink: see above.
    """
    with writing() as session:
        if sink is not None and session.get(OutboxSink, storable(sink)) is None:
            raise NoSuchSink(sink)
    return order_command(SEND_AGAIN, {"sink": sink}, sink or "all sinks")
