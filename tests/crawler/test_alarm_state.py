"""Alarms of machines that crawl a spider together: the database says which state was in the last message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crawler.run.alarm import Alarm
from crawler.run.verdict import BELOW_POLICY, GOOD, NOT_STORED, Verdict
from models.run import ClaimedRun, claim_run
from models.schema import upgrade
from models.session import make_engine, make_sessions
from tests.alarm_endpoint import Endpoint, alarm_endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with alarm_endpoint() as endpoint:
        yield endpoint


class Machines:
    """Machines with a data folder each, and with one database."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.engine = make_engine(f"sqlite:///{folder}/shop.db")
        upgrade(self.engine)
        self.run: ClaimedRun = claim_run(make_sessions(self.engine), "shop", {})

    def end_run(self, machine: str, code: int, *, engine: Engine | None = None) -> list[str]:
        """End a run on a machine; return the kinds of messages that were sent."""
        alarm = Alarm(self.endpoint.url, self.folder / machine)
        alarm.tell("shop", {}, Verdict(code=code), run=self.run, engine=engine or self.engine)
        return [kind for kind, _ in self.endpoint.new_messages()]


@pytest.fixture
def machines(tmp_path: Path, endpoint: Endpoint) -> Iterator[Machines]:
    machines = Machines(tmp_path, endpoint)
    yield machines
    machines.engine.dispose()


@pytest.fixture
def away() -> Iterator[Engine]:
    """Yield the engine of a database that no machine reaches."""
    engine = make_engine("mysql+pymysql://u@127.0.0.1:1/x")
    yield engine
    engine.dispose()


def test_machines_send_one_message_for_each_change_of_state(machines: Machines) -> None:
    assert machines.end_run("one", BELOW_POLICY) == ["failure"]
    assert machines.end_run("two", BELOW_POLICY) == []
    assert machines.end_run("two", GOOD) == ["success"]
    assert machines.end_run("one", GOOD) == []
    assert machines.end_run("one", BELOW_POLICY) == ["failure"]


def test_another_machine_sends_a_message_that_was_not_delivered(machines: Machines) -> None:
    machines.endpoint.status = 500
    machines.end_run("one", BELOW_POLICY)
    machines.endpoint.status = 200
    assert machines.end_run("two", BELOW_POLICY) == ["failure"]


def test_each_machine_that_loses_the_database_sends_a_message_and_one_that_it_is_back(
    machines: Machines, away: Engine
) -> None:
    assert machines.end_run("one", NOT_STORED, engine=away) == ["failure"]
    assert machines.end_run("one", NOT_STORED, engine=away) == []
    assert machines.end_run("two", NOT_STORED, engine=away) == ["failure"]
    assert machines.end_run("one", GOOD) == ["success"]
    assert machines.end_run("two", GOOD) == []
    assert machines.end_run("three", GOOD) == []
