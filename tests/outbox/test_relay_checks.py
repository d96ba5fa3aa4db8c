"""What the relay tells alarms and metrics about the state of its sinks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Engine

from models.relay import SinkState
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
