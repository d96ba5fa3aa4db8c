"""An event of two megabytes: each sink delivers it or refuses it with a reason, and all other events pass by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models.relay import refusals, sink_states
from models.session import make_engine
from outbox.address import addresses_of
from outbox.relay import Relay
from outbox.sinks import make_sink
from tests.brokers import OwnBroker
from tests.crawls import scrapy
from tests.databases import make_file_with_tables
from tests.outbox.events import history, store_rows, without_repeats
from tests.outbox.receivers import (
    KafkaReceiver,
    MqttReceiver,
    RabbitReceiver,
    StompReceiver,
    WebhookReceiver,
    closing,
)

LARGE = 2_000_000  # characters of a row
LIMIT = 1_000_000  # bytes of a message, where a broker has a limit
POISON = "[2]"


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Yield the receivers of brokers that take no event of two megabytes."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        for name, line in (
            ("rabbitmq", f"max_message_size = {LIMIT}"),
            ("mosquitto", f"max_packet_size {LIMIT}"),
        ):
            broker = OwnBroker(name, tmp_path / name)
            configuration = tmp_path / name / f"{name}.conf"
            configuration.write_text(f"{configuration.read_text()}{line}\n")
            stack.callback(broker.kill)
            broker.start()
            urls |= broker.urls
        webhook = WebhookReceiver()
        webhook.largest = LIMIT
        yield {
            "rabbitmq": RabbitReceiver(urls["TEST_RABBITMQ_URL"]),
            "stomp": stack.enter_context(closing(StompReceiver(urls["TEST_STOMP_URL"]))),
            "mqtt": stack.enter_context(closing(MqttReceiver(urls["TEST_MQTT_URL"]))),
            "webhook": stack.enter_context(closing(webhook)),
        }


@pytest.fixture
def unlimited(rabbitmq: str, stomp: str, mqtt: str, kafka: str, tansu: str) -> Iterator[dict[str, Any]]:
    """Yield the receivers of brokers as they are by default; Kafka's producer takes no more than a megabyte."""
    with ExitStack() as stack:
        yield {
            "rabbitmq": RabbitReceiver(rabbitmq),
            "stomp": stack.enter_context(closing(StompReceiver(stomp))),
            "mqtt": stack.enter_context(closing(MqttReceiver(mqtt))),
            "webhook": stack.enter_context(closing(WebhookReceiver())),
            "kafka": KafkaReceiver(kafka),
            "tansu": KafkaReceiver(tansu),
        }


def send_a_large_one(engine: Engine, receivers: dict[str, Any]) -> set[str]:
    """Send small events around two large ones of the second row; return which receivers got all of them.

    The others got all but the large ones, whose refusals are stored.
    """
    store_rows(
        engine,
        [
            {1: "small", 2: "small", 3: "small"},
            {1: "new", 2: "x" * LARGE, 3: "new"},
            {2: "small", 3: "newer"},  # the old text is in the event, so it is large too
            {2: "smaller"},
        ],
    )
    named = {name: addresses_of(receiver.url)[0] for name, receiver in receivers.items()}
    sinks = {address.name: make_sink(address) for address in named.values()}
    assert Relay(engine, sinks, keep=timedelta(days=7)).run(once=True).errors == {}
    with Session(engine) as session:
        refused = [(one.sink, one.row_key) for one in refusals(session, 100) if one.reason]
        assert all(state.unsent == 0 for state in sink_states(session))
    expected = history(engine)
    first, *_, last = expected[f"quote/{POISON}"]
    without = expected | {f"quote/{POISON}": [first, last]}
    complete = set()
    for name, receiver in receivers.items():
        keys = [key for sink, key in refused if sink == named[name].name]
        if keys:
            assert keys == [POISON, POISON], name
            assert without_repeats(receiver.receive(7)) == without, name
        else:
            complete.add(name)
            assert without_repeats(receiver.receive(9)) == expected, name
    return complete


def test_brokers_with_their_defaults(engine: Engine, unlimited: dict[str, Any]) -> None:
    assert send_a_large_one(engine, unlimited) == {"rabbitmq", "stomp", "mqtt", "webhook"}


def test_brokers_with_a_limit(limited: dict[str, Any], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'events.db'}"
    make_file_with_tables(url)
    engine = make_engine(url)
    assert send_a_large_one(engine, limited) == set()
    engine.dispose()
    shown = scrapy("events", "--refused", DATABASE_URL=url).stdout
    for reason in (
        "is larger than configured max size 1000000",
        "and the broker takes 1,000,000",
        "HTTP 413",
    ):
        assert reason in shown
