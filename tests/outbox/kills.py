"""Relays and brokers that are killed while rows change, compared with the history.

python -m tests.outbox.kills --kills 100 --sinks rabbitmq,kafka,mqtt,stomp,webhook --database sqlite:////tmp/relay.db

Each consumer, after it has dropped repeats by the event's id, must have exactly the changes of ``row_change``, in the
order of each row. RabbitMQ and Kafka are brokers of their own here, which ``--broker-kills`` kills too.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from models.relay import sink_states
from models.session import make_engine
from tests.brokers import OwnBroker, own_broker
from tests.databases import make_file_with_tables
from tests.outbox.events import history, store_changes, without_repeats
from tests.outbox.receivers import (
    KafkaReceiver,
    MqttReceiver,
    RabbitReceiver,
    StompReceiver,
    WebhookReceiver,
)

ROOT = Path(__file__).parent.parent.parent
ROWS = 40
MOST_UNSENT = 1000  # events that wait; the rows change again when there are fewer
DEADLINE = 180.0  # seconds for a relay that sends all


class Relays:
    """Relays of one database, each a process of its own."""

    def __init__(self, database: str, sinks: str) -> None:
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")} | {
            "DATABASE_URL": database,
            "BROKER_URL": sinks,
            "SPLASHDOWN_ENV_FILE": "",
            "LOG_LEVEL": "WARNING",
        }

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "scrapy", "relay", *options],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a relay, which may be one that has just been started."""
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        before_its_handlers = process.returncode == -signal.SIGTERM and not said
        assert process.returncode == 0 or before_its_handlers, (
            f"exit code {process.returncode}: {said[-3000:]}"
        )

    def finish(self) -> None:
        """Send everything that is left."""
        until = time.monotonic() + DEADLINE
        while True:
            process = self.start("--once")
            _, said = process.communicate(timeout=DEADLINE)
            if process.returncode == 0:
                return
            assert time.monotonic() < until, f"the relay ends with {process.returncode}: {said[-3000:]}"


@contextmanager
def changing_rows(engine: Engine, dice: random.Random) -> Iterator[None]:
    """Change rows in a thread, transaction after transaction, until the block ends."""
    over = threading.Event()
    errors: list[BaseException] = []

    def change() -> None:
        try:
            while not over.is_set():
                if backlog(engine) > MOST_UNSENT:
                    over.wait(0.02)
                    continue
                versions = [[row for row in range(ROWS) if dice.random() < 0.3] for _ in range(5)]
                store_changes(engine, versions)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not errors, errors


def backlog(engine: Engine) -> int:
    """Return how many events wait for the slowest sink."""
    with Session(engine) as session:
        return max((state.unsent for state in sink_states(session)), default=0)


def wait_for_events(engine: Engine, number: int) -> None:
    """Wait until the sinks have got so many more events."""
    query = text("SELECT COALESCE(SUM(sent), 0) FROM outbox_sink")
    until = time.monotonic() + 60
    first = None
    while time.monotonic() < until:
        with engine.connect() as connection:
            sent = int(connection.scalar(query) or 0)
        first = sent if first is None else first
        if sent >= first + number:
            return
        time.sleep(0.005)
    raise AssertionError("the sinks get no events")


def compare(engine: Engine, receivers: dict[str, Any]) -> dict[str, int]:
    """Check what each receiver has got; return the number of repeats by receiver."""
    expected = history(engine)
    changes = sum(map(len, expected.values()))
    repeats = {}
    for name, receiver in receivers.items():
        found: list[dict[str, Any]] = receiver.receive(changes)
        repeats[name] = len(found) - changes
        assert without_repeats(found) == expected, f"{name} has not got the changes in their order"
    return repeats


def kill_relays(
    engine: Engine,
    relays: Relays,
    dice: random.Random,
    kills: int,
    brokers: list[OwnBroker],
    broker_kills: int,
    queue: str | None = None,
) -> None:
    """Kill relays, and sometimes a broker, while rows change."""
    with changing_rows(engine, dice):
        process = relays.start()
        at = set(dice.sample(range(kills), min(broker_kills, kills))) if brokers else set()
        for number in range(kills):
            wait_for_events(engine, dice.randint(1, 200))
            if number in at:
                broker = dice.choice(brokers)
                if queue is not None and broker.folder.name == "rabbitmq":
                    broker.wait_for_quorum_queue(queue)
                broker.kill()
                broker.start()
                continue
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
            process = relays.start()
        wait_for_events(engine, 1)
        relays.end(process)
    relays.finish()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--broker-kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sinks", default="rabbitmq,kafka,mqtt,stomp,webhook")
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = options.database or f"sqlite:///{folder}/relay.db"
        make_file_with_tables(url)
        if not url.startswith("sqlite"):
            from tests.conftest import empty  # noqa: PLC0415

            empty(url)
        engine = make_engine(url)
        receivers: dict[str, Any] = {}
        brokers: list[OwnBroker] = []
        names = options.sinks.split(",")
        if {"rabbitmq", "stomp"} & set(names):
            rabbitmq = stack.enter_context(own_broker("rabbitmq", Path(folder) / "rabbitmq"))
            brokers.append(rabbitmq)
            if "rabbitmq" in names:
                receivers["rabbitmq"] = RabbitReceiver(rabbitmq.urls["TEST_RABBITMQ_URL"])
            if "stomp" in names:
                receivers["stomp"] = StompReceiver(rabbitmq.urls["TEST_STOMP_URL"])
        if "kafka" in names:
            # noida-db loses what it has confirmed when it is killed, so it is not among the killed brokers.
            kafka = stack.enter_context(own_broker("kafka", Path(folder) / "kafka"))
            receivers["kafka"] = KafkaReceiver(kafka.url)
        if "tansu" in names:  # durable with its object store, for a producer that is not idempotent
            tansu = stack.enter_context(own_broker("tansu", Path(folder) / "tansu"))
            brokers.append(tansu)
            receivers["tansu"] = KafkaReceiver(tansu.url, "&idempotent=0")
        if "mqtt" in names:
            receivers["mqtt"] = MqttReceiver(os.environ["TEST_MQTT_URL"])
        if "webhook" in names:
            receivers["webhook"] = WebhookReceiver()
        relays = Relays(url, " ".join(one.url for one in receivers.values()))
        began = time.monotonic()
        queue = receivers["rabbitmq"].queue if "rabbitmq" in receivers else None
        kill_relays(engine, relays, dice, options.kills, brokers, options.broker_kills, queue)
        repeats = compare(engine, receivers)
        changes = sum(map(len, history(engine).values()))
        print(
            f"{changes} changes, {options.kills} kills, repeats {repeats}, {time.monotonic() - began:.0f} s: equal"
        )


if __name__ == "__main__":
    main()
