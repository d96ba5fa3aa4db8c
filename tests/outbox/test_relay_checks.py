"""What the relay does beside sending: it tells alarms and metrics about its sinks, and deletes old events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models import OutboxEvent
from models.relay import SinkState
from outbox import relay
from outbox.relay import Relay
from tests.outbox.events import RecordingSink, store_changes


def test_a_relay_from_cron_tells_what_is_unsent_after_it_has_sent(engine: Engine) -> None:
    """Before, all events of the time without a relay are unsent and old, which is no fault."""
    store_changes(engine, [[1, 2], [1]])
    up, down = RecordingSink(), RecordingSink()
    down.down = "no route"
    told: list[Sequence[SinkState]] = []
    Relay(engine, {"up": up, "down": down}, keep=timedelta(days=7), check=told.append).run(once=True)
    assert [{state.name: state.unsent for state in states} for states in told] == [{"up": 0, "down": 3}]


def test_a_relay_from_cron_deletes_all_events_that_are_sent_and_old(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "DELETED_AT_ONCE", 2)
    store_changes(engine, [[1, 2, 3], [1, 2]])
    Relay(engine, {"sink": RecordingSink()}, keep=timedelta(days=1)).run(once=True)
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(OutboxEvent)) == 5
    Relay(engine, {"sink": RecordingSink()}, keep=timedelta(0)).run(once=True)
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(OutboxEvent)) == 0
