"""The demo's days, crawled into a MariaDB of its own beside a relay with five sinks, while all of them are killed.

python -m tests.outbox.demo_days --relay 100 --rabbitmq 10 --kafka 10 --mariadb 2

Each consumer, after it has dropped repeats by the event's id, must have exactly the changes of ``row_change``, in the
order of each row. RabbitMQ, which also is the broker of STOMP, Kafka (Tansu) and MariaDB are servers of their own here;
Mosquitto loses what it holds when it is killed, so it is not killed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from models.schema import upgrade
from models.session import make_engine
from tests.brokers import own_broker
from tests.frontier.private_mariadb import private_mariadb
from tests.outbox.events import history
from tests.outbox.kills import Relays, compare
from tests.outbox.receivers import KafkaReceiver, MqttReceiver, RabbitReceiver, StompReceiver, WebhookReceiver
from tests.processes import ROOT, free_port, server

SPIDERS = ("books", "quotes")
MOST_EVENTS, LONGEST = 200, 1.5  # until the next kill: events that the sinks get, and seconds
PATIENCE = 20.0  # seconds that a kill waits for the first event: a relay needs seconds for its start on a busy machine

Crawl = Callable[[str, str], None]  # of a site into a database, by their URLs


class Shop:
    """A crawled shop: a database, a relay and five sinks, all of which can be killed."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.mariadb = stack.enter_context(private_mariadb())
        self.rabbitmq = stack.enter_context(own_broker("rabbitmq", folder / "rabbitmq"))
        self.kafka = stack.enter_context(own_broker("tansu", folder / "tansu"))
        self.engine = make_engine(self.mariadb.url)
        stack.callback(self.engine.dispose)
        upgrade(self.engine)
        rabbitmq, mqtt, webhook = (
            RabbitReceiver(self.rabbitmq.url),
            MqttReceiver(os.environ["TEST_MQTT_URL"]),
            WebhookReceiver(),
        )
        stack.callback(mqtt.close)
        stack.callback(webhook.close)
        self.queue = rabbitmq.queue
        self.receivers: dict[str, Any] = {
            "rabbitmq": rabbitmq,
            "kafka": KafkaReceiver(self.kafka.url, "&idempotent=0"),
            "mqtt": mqtt,
            "stomp": StompReceiver(self.rabbitmq.urls["TEST_STOMP_URL"]),
            "webhook": webhook,
        }
        self.relays = Relays(self.mariadb.url, " ".join(one.url for one in self.receivers.values()))
        self.relay = self.relays.start()
        stack.callback(lambda: self.relay.kill())

    def kill(self, name: str) -> None:
        """Kill one of them, and start it again."""
        self.have_relay()
        match name:
            case "relay":
                self.relay.kill()
                self.relay.communicate()
                self.relay = self.relays.start()
            case "rabbitmq":
                self.rabbitmq.wait_for_quorum_queue(self.queue)
                self.rabbitmq.kill()
                self.rabbitmq.start()
            case "kafka":
                self.kafka.kill()
                self.kafka.start()
            case "mariadb":
                self.mariadb.kill()
                self.mariadb.start()

    def have_relay(self) -> None:
        """Start the relay again, as its supervisor does, if the database was killed before the relay had opened it."""
        if self.relay.poll() is not None:
            said = self.relay.communicate()[1]
            assert "cannot open the database" in said, (
                f"the relay has ended with {self.relay.returncode}: {said[-30000:]}"
            )
            self.relay = self.relays.start()

    def finish(self) -> dict[str, int]:
        """Let the relay end, send what is left, and compare; return the repeats by receiver."""
        self.have_relay()
        self.relays.end(self.relay)
        self.relays.finish()
        return compare(self.engine, self.receivers)


def wait_a_while(engine: Engine, dice: random.Random, crawled: Future[None]) -> None:
    """Wait until the sinks have got some events, or for a short time after the first one or the end of the crawls."""
    events, longest, first = dice.randint(1, MOST_EVENTS), dice.uniform(0, LONGEST), sent_events(engine)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not crawled.done() and sent_events(engine) == first:
        time.sleep(0.01)  # between two looks
    until = time.monotonic() + longest
    while time.monotonic() < until and sent_events(engine) < first + events:
        time.sleep(0.01)  # between two looks


def wait_for_run(engine: Engine, crawled: Future[None]) -> None:
    """Wait until a process has a run, or until the crawls have ended."""
    until = time.monotonic() + 60
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not crawled.done() and not connection.scalar(
            text("SELECT COUNT(*) FROM crawl_run WHERE owner IS NOT NULL")
        ):
            assert time.monotonic() < until, "no crawl has begun in 60 s"
            time.sleep(0.05)  # between two looks


def sent_events(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT COALESCE(SUM(sent), 0) FROM outbox_sink")) or 0)


def crawl_days(
    shop: Shop, days: Sequence[int], books: int, kills: Mapping[str, int], dice: random.Random, crawl: Crawl
) -> None:
    """Crawl the demo on these days, each with its share of the kills meanwhile."""
    left = [name for name, number in kills.items() for _ in range(number)]
    dice.shuffle(left)
    port = str(free_port())  # the same on all days: the rows have URLs
    with ThreadPoolExecutor(1) as pool:
        for place, day in enumerate(days):
            options = ("--port", port, "--books", str(books), "--day", str(day), "--exit-with-stdin")
            with server("demo", *options) as site:
                crawled = pool.submit(crawl, site, shop.mariadb.url)
                for name in left[place :: len(days)]:
                    wait_a_while(shop.engine, dice, crawled)
                    if name == "mariadb":  # a crawl does not begin while its database is away
                        wait_for_run(shop.engine, crawled)
                    shop.kill(name)
                crawled.result()
            print(f"day {day}: {sum(map(len, history(shop.engine).values()))} changes", flush=True)


def crawl_with_the_demo_s_spiders(site: str, database: str) -> None:
    for spider in SPIDERS:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TEST_")},
            "DATABASE_URL": database,
            "DEMO_URL": site,
            "OUTBOX_ENABLED": "1",
            "LOG_LEVEL": "WARNING",
            "SPLASHDOWN_ENV_FILE": "",
        }
        command = [sys.executable, "-m", "scrapy", "crawl", spider]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{spider} ends with {done.returncode}: {done.stderr[-3000:]}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in {"relay": 100, "rabbitmq": 10, "kafka": 10, "mariadb": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=number, help=f"kills of {name} ({number})")
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--books", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    kills = {name: getattr(options, name) for name in ("relay", "rabbitmq", "kafka", "mariadb")}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        shop = Shop(Path(folder), stack)
        days = range(1, options.days + 1)
        crawl_days(
            shop, days, options.books, kills, random.Random(options.seed), crawl_with_the_demo_s_spiders
        )
        repeats = shop.finish()
        changes = history(shop.engine)
        kinds = Counter((row.partition("/")[0], kind) for row, made in changes.items() for kind, _ in made)
        for (table, kind), number in sorted(kinds.items()):
            print(f"{table} {kind}: {number}")
        total = sum(map(len, changes.values()))
        print(f"{total} changes, kills {kills}, repeats {repeats}, {time.monotonic() - began:.0f} s: equal")


if __name__ == "__main__":
    main()
