"""What a person may ask for on the page of a run, and what the console answers when it makes no sense."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from models import ConsoleAction, CrawlOrder, CrawlRun, SpiderSchedule
from models.crawl_order import ASKED, TAKEN, take
from models.run import claim_run, database_now
from models.session import make_sessions
from tests.console.conftest import Client


@pytest.fixture
def running(engine: Engine) -> int:
    """Return the id of a run that this process crawls."""
    return claim_run(make_sessions(engine), "films", {"year": "1999"}).id


@pytest.fixture
def films(engine: Engine) -> None:
    """Let a scheduler have loaded the spider."""
    with make_sessions(engine).begin() as session:
        session.add(SpiderSchedule(spider="films", loaded_at=database_now(session)))


def orders(engine: Engine) -> list[tuple[str, str, int | None]]:
    with make_sessions(engine).begin() as session:
        found = session.scalars(select(CrawlOrder).order_by(CrawlOrder.id))
        return [(order.kind, order.state, order.run_id) for order in found]


def test_a_running_crawl_is_asked_once_to_stop(operator: Client, engine: Engine, running: int) -> None:
    for _ in range(2):
        assert operator.post(f"/runs/{running}/orders", {"kind": "stop"}).status_code == 302
    assert orders(engine) == [("stop", ASKED, running)]
    assert "has asked for this already" in operator.text(f"/runs/{running}")
    with make_sessions(engine).begin() as session:
        action = session.scalars(select(ConsoleAction)).one()
    assert (action.actor, action.action, action.target) == (
        "a-operator",
        "order stop",
        f"run {running} of films",
    )


@pytest.mark.parametrize(
    ("kind", "message"), [("resume", "is not paused"), ("start", "no such order"), ("", "no such order")]
)
def test_an_order_that_makes_no_sense_is_refused(
    operator: Client, engine: Engine, running: int, kind: str, message: str
) -> None:
    response = operator.post(f"/runs/{running}/orders", {"kind": kind}, follow_redirects=True)
    assert message in response.text
    assert orders(engine) == []


def test_a_run_without_a_process_cannot_be_paused(operator: Client, engine: Engine, running: int) -> None:
    with make_sessions(engine).begin() as session:
        then = database_now(session) - timedelta(minutes=5)
        session.execute(update(CrawlRun).values(owner="elsewhere 1 1.0 x", heartbeat_at=then))
    response = operator.post(f"/runs/{running}/orders", {"kind": "pause"}, follow_redirects=True)
    assert "is not running: it is killed" in response.text
    assert orders(engine) == []


def test_a_run_starts_again_with_other_arguments(
    operator: Client, engine: Engine, running: int, films: None
) -> None:
    assert 'value="1999"' in operator.text(f"/runs/{running}/again")
    form = {"name": ["year", ""], "value": ["2001", ""], "how": "fresh"}
    assert operator.post(f"/runs/{running}/again", form).status_code == 302
    with make_sessions(engine).begin() as session:
        order = session.scalars(select(CrawlOrder)).one()
    assert order.arguments == {"arguments": {"year": "2001"}, "failed_only": False, "fresh": True}
    assert order.spider == "films"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("password", "x", "looks like a secret"),
        ("a b", "x", "cannot be the name"),
        ("year", "9" * 1001, "longer than"),
    ],
)
def test_arguments_that_cannot_be_stored_are_refused(
    operator: Client, engine: Engine, running: int, films: None, name: str, value: str, message: str
) -> None:
    response = operator.post(f"/runs/{running}/again", {"name": name, "value": value}, follow_redirects=True)
    assert message in response.text
    assert orders(engine) == []


def test_a_spider_that_no_scheduler_knows_cannot_be_started(operator: Client, running: int) -> None:
    response = operator.post(f"/runs/{running}/again", {}, follow_redirects=True)
    assert "no scheduler knows the spider films" in response.text


def test_an_order_is_withdrawn_until_it_is_taken(operator: Client, engine: Engine, running: int) -> None:
    operator.post(f"/runs/{running}/orders", {"kind": "stop"})
    with make_sessions(engine).begin() as session:
        (number,) = session.scalars(select(CrawlOrder.id)).all()
        assert take(session, number, "a process", database_now(session))
    response = operator.post(f"/orders/{number}/withdraw", follow_redirects=True)
    assert "taken already" in response.text
    assert orders(engine) == [("stop", TAKEN, running)]
