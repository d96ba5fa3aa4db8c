"""A sink is down for an hour, in steps of the clock. ``tests.outbox.hour_without_a_sink`` does the same with others."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import empty
from tests.outbox.hour_without_a_sink import hour_without
from tests.services import service

STEP = 120  # seconds


def test_a_sink_that_was_down_for_an_hour_catches_up_and_holds_back_no_other(
    rabbitmq: str, stomp: str, mqtt: str, kafka: str, tmp_path: Path
) -> None:
    url = service("TEST_POSTGRESQL_URL", "a database server")
    empty(url)
    brokers = {"rabbitmq": rabbitmq, "stomp": stomp, "mqtt": mqtt, "kafka": kafka}
    print(hour_without("mqtt", url, brokers, tmp_path, STEP))
