"""Relays that are killed, and one that is stopped and wakes up: nothing is lost, and the order of each row holds."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from models.session import make_engine
from tests.outbox.events import store_changes
from tests.outbox.kills import Relays, changing_rows, compare, kill_relays, wait_for_events
from tests.outbox.receivers import KafkaReceiver, RabbitReceiver, WebhookReceiver, closing


@pytest.fixture
def receivers(rabbitmq: str, kafka: str) -> Iterator[dict[str, Any]]:
    with closing(WebhookReceiver()) as webhook:
        yield {"rabbitmq": RabbitReceiver(rabbitmq), "kafka": KafkaReceiver(kafka), "webhook": webhook}


def test_killed_relays_lose_nothing(engine: Engine, database_url: str, receivers: dict[str, Any]) -> None:
    relays = Relays(database_url, " ".join(one.url for one in receivers.values()))
    kill_relays(engine, relays, random.Random(7), 2, [], 0)
    compare(engine, receivers)


def test_a_relay_that_was_stopped_writes_nothing_after_another_one_took_over(
    server_url: str, receivers: dict[str, Any]
) -> None:
    engine = make_engine(server_url)
    relays = Relays(server_url, " ".join(one.url for one in receivers.values()))
    store_changes(engine, [[1, 2, 3]])
    zombie = relays.start()
    with changing_rows(engine, random.Random(3)):
        wait_for_events(engine, 20)
        zombie.send_signal(signal.SIGSTOP)
        try:
            with engine.begin() as connection:  # as if its lease were over
                connection.execute(
                    text("UPDATE outbox_relay SET heartbeat_at = '2020-01-01 00:00:00.000000'")
                )
            second = relays.start()
            wait_for_events(engine, 50)
        finally:
            zombie.send_signal(signal.SIGCONT)
        _, said = zombie.communicate(timeout=60)
        assert zombie.returncode == 75 and "another relay has taken over" in said
        wait_for_events(engine, 20)
        second.send_signal(signal.SIGTERM)
        _, said = second.communicate(timeout=60)
        assert second.returncode == 0, said[-2000:]
    relays.finish()
    compare(engine, receivers)
    engine.dispose()
