"""Sinks whose disk is full: they get their events in order when there is space again, and hold back no other sink."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models.relay import sink_states
from models.session import make_engine
from outbox.address import addresses_of
from outbox.relay import Relay
from outbox.sinks import kafka as kafka_sink
from outbox.sinks import make_sink
from outbox.sinks import rabbitmq as rabbitmq_sink
from outbox.sinks import stomp as stomp_sink
from tests.brokers import OwnBroker, own_broker
from tests.crawls import scrapy
from tests.databases import make_file_with_tables
from tests.examples.programs import Program, program, works_by_row
from tests.object_store import Objects, object_store
from tests.outbox.events import DEADLINE, history, store_changes, wait_until, without_repeats
from tests.outbox.receivers import KafkaReceiver, MqttReceiver, RabbitReceiver, StompReceiver, closing
from tests.processes import ROOT

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SHORT = 1.0  # seconds until a sink without a confirmation counts as down


@dataclass(frozen=True, kw_only=True)
class Disks:
    """Servers, each with its disk."""

    rabbitmq: OwnBroker
    objects: Objects  # the disk of Tansu
    webhook: Program

    def fill(self) -> None:
        self.rabbitmq.ctl("set_disk_free_limit", "1000000GB")
        self.objects.is_full = True
        self._limit_files(1)

    def free(self) -> None:
        self.rabbitmq.ctl("set_disk_free_limit", "1MB")
        self.objects.is_full = False
        self._limit_files(None)

    def _limit_files(self, largest: int | None) -> None:
        """Let the receiver of webhooks write no file beyond so many bytes: its disk is full."""
        limit = "unlimited" if largest is None else str(largest)
        command = ["prlimit", "--pid", str(self.webhook.process.pid), f"--fsize={limit}:unlimited"]
        subprocess.run(command, check=True)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    with ExitStack() as stack:
        yield Disks(
            rabbitmq=stack.enter_context(own_broker("rabbitmq", tmp_path / "rabbitmq")),
            objects=stack.enter_context(object_store()),
            webhook=stack.enter_context(
                program("webhook_receiver.py", "0", str(tmp_path / "webhook.db"), WEBHOOK_SECRET=SECRET)
            ),
        )


@pytest.fixture
def events_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'events.db'}"
    make_file_with_tables(url)
    return url


def unsent(engine: Engine) -> dict[str, int]:
    with Session(engine) as session:
        return {state.name: state.unsent for state in sink_states(session)}


def threads(name: str) -> int:
    """Return how many threads have such a name: of connections, each of which is closed before the next one."""
    return sum(thread.name.endswith(name) for thread in threading.enumerate())


def test_a_full_disk_delays_its_sink_alone_and_loses_nothing(
    disks: Disks, mqtt: str, events_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rabbitmq_sink, stomp_sink, kafka_sink):
        monkeypatch.setattr(module, "PATIENCE", SHORT)
    engine = make_engine(events_url)
    disks.webhook.wait_until(lambda: bool(disks.webhook.lines))
    tansu = OwnBroker("tansu", tmp_path / "tansu", disks.objects.url)
    with ExitStack() as stack:
        stack.callback(tansu.kill)
        tansu.start()
        receivers: dict[str, Any] = {
            "rabbitmq": RabbitReceiver(disks.rabbitmq.url, "&name=rabbitmq"),
            "stomp": StompReceiver(disks.rabbitmq.urls["TEST_STOMP_URL"], "&name=stomp"),
            "kafka": KafkaReceiver(tansu.url, "&idempotent=0&name=kafka"),
            "mqtt": stack.enter_context(closing(MqttReceiver(mqtt, "&name=mqtt"))),
        }
        webhook = disks.webhook.lines[0].removeprefix("listening on ")
        options = f"webhook_private=1&webhook_secret={quote(SECRET, safe='')}&name=webhook"
        urls = [*(one.url for one in receivers.values()), f"{webhook}?{options}"]
        sinks = {address.name: make_sink(address) for address in addresses_of(" ".join(urls))}
        relay = Relay(engine, sinks, keep=timedelta(days=7))
        thread = threading.Thread(target=relay.run)
        thread.start()
        try:
            store_changes(engine, [[1, 2, 3], [2]])
            wait_until(lambda: unsent(engine) == dict.fromkeys(sinks, 0))
            disks.fill()
            store_changes(engine, [[1, 2, 3], [2], [4]])
            wait_until(lambda: unsent(engine)["mqtt"] == 0)
            # RabbitMQ blocks a connection after its first message, so some get through STOMP, one by one.
            for name in ("rabbitmq", "kafka", "webhook"):
                delivery = next(one for one in relay.deliveries if one.sink_name == name)
                wait_until(lambda delivery=delivery: delivery.attempts > 2)  # type: ignore[misc]
            wait_until(lambda: threads("RabbitMQ rabbitmq") <= 1 and threads("(__io_loop)") <= 1)
            shown = scrapy("events", "--json", DATABASE_URL=events_url).stdout
            disks.free()
            wait_until(lambda: unsent(engine) == dict.fromkeys(sinks, 0))
        finally:
            relay.stop()
            thread.join(DEADLINE)
        changes = history(engine)
        for receiver in receivers.values():
            assert without_repeats(receiver.receive(9)) == changes
        assert works_by_row(tmp_path / "webhook.db") == changes
    engine.dispose()
    states = {
        one["sink"]["name"]: one["sink"] for one in map(json.loads, shown.splitlines()) if "sink" in one
    }
    assert {name: states[name]["unsent"] for name in ("rabbitmq", "kafka", "webhook", "mqtt")} == {
        "rabbitmq": 5,
        "kafka": 5,
        "webhook": 5,
        "mqtt": 0,
    }
    assert "it is blocked: low on disk" in states["rabbitmq"]["error"]
    assert states["kafka"]["error"]  # Tansu gives no reason; the client says that nothing was confirmed
    assert "closed connection without response" in states["webhook"]["error"]


def test_a_full_disk_of_the_standard_output_is_named(events_url: str, tmp_path: Path) -> None:
    engine = make_engine(events_url)
    store_changes(engine, [[1, 2], [1]])
    engine.dispose()
    relay = [sys.executable, "-m", "scrapy", "relay", "--once"]
    # An empty value: Python has a buffer for the output, as on most machines.
    env = os.environ | {"DATABASE_URL": events_url, "BROKER_URL": "stdout:", "PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("wb") as full:
        refused = subprocess.run(
            relay, cwd=ROOT, env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert refused.returncode == 2
    assert "the standard output: No space left on device" in refused.stderr
    assert "Exception ignored" not in refused.stderr
    assert "stdout: active, sent 0, unsent 3" in scrapy("events", DATABASE_URL=events_url).stdout
    sent = scrapy("relay", "--once", DATABASE_URL=events_url, BROKER_URL="stdout:")
    assert len(sent.stdout.splitlines()) == 3
