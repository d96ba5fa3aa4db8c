"""A crawl and a relay beside it: the age of events at a consumer, and what the outbox costs the crawl."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pika
from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks.crawl import crawl_into_database
from benchmarks.relay_events import empty_outbox
from models import RelayRow
from models.session import make_engine

LARGEST_LAG = 1.0  # seconds, of 99 % of the events
LEAST_SHARE = 0.95  # of the pages a second without the outbox
DEADLINE = 60.0  # seconds
LOOK = 0.02  # seconds
WITHOUT_OUTBOX = {"OUTBOX_ENABLED": "0", "BROKER_URL": "", "LOG_LEVEL": "ERROR"}
WITH_OUTBOX = WITHOUT_OUTBOX | {"OUTBOX_ENABLED": "1"}


class Consumer(threading.Thread):
    """Reads a queue of RabbitMQ, and notes the age of each event."""

    def __init__(self, url: str, queue: str) -> None:
        super().__init__(daemon=True)
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        self.channel.basic_qos(prefetch_count=1000)
        self.channel.basic_consume(queue, self._consume)
        self.queue = queue
        self.ages: dict[str, float] = {}  # by the event's id

    def run(self) -> None:
        self.channel.start_consuming()
        self.channel.queue_delete(self.queue)
        self.connection.close()

    def _consume(self, channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        now = datetime.now(UTC)
        event = json.loads(body)
        self.ages.setdefault(event["id"], (now - datetime.fromisoformat(event["time"])).total_seconds())
        channel.basic_ack(method.delivery_tag)

    def end(self) -> None:
        self.connection.add_callback_threadsafe(self.channel.stop_consuming)
        self.join(DEADLINE)


@contextlib.contextmanager
def relay(database: str, address: str) -> Iterator[None]:
    """Run ``scrapy relay`` beside what the block does."""
    own = {"DATABASE_URL": database, "BROKER_URL": address, "SPLASHDOWN_ENV_FILE": "", "LOG_LEVEL": "ERROR"}
    process = subprocess.Popen([sys.executable, "-m", "scrapy", "relay"], env=os.environ | own)
    engine = make_engine(database)

    def has_begun() -> bool:
        with Session(engine) as session:
            return session.scalar(select(RelayRow.owner)) is not None

    try:
        wait_until(has_begun)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
        engine.dispose()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, "the deadline is over"
        time.sleep(LOOK)


def empty(database: str) -> None:
    engine = make_engine(database)
    empty_outbox(engine)
    engine.dispose()


def measure_lag(databases: list[str], port: int, pages: int, url: str, queue: str) -> bool:
    """Print the age of events at a consumer of RabbitMQ while a crawl runs; return whether it is within the limit."""
    good = True
    for database in databases:
        empty(database)
        consumer = Consumer(url, queue)
        consumer.start()
        with relay(database, f"{url}?exchange=&queue={queue}"):
            speed = crawl_into_database(database, port, pages, WITH_OUTBOX)
            wait_until(lambda: len(consumer.ages) >= pages)  # noqa: B023
        consumer.end()
        empty(database)
        cuts = statistics.quantiles(consumer.ages.values(), n=100)
        good = good and cuts[98] < LARGEST_LAG
        print(
            f"{database.split(':')[0]:18} {speed:5,.0f} pages/s; age of {len(consumer.ages):,} events: "
            f"half under {cuts[49]:.3f} s, 99 % under {cuts[98]:.3f} s, all under {max(consumer.ages.values()):.3f} s"
            f"{'' if cuts[98] < LARGEST_LAG else '  ABOVE THE LIMIT'}",
            flush=True,
        )
    return good


def measure_crawl(databases: list[str], port: int, pages: int, rounds: int, address: str) -> bool:
    """Print the pages a second without the outbox, with it, and with a relay; return whether they are within the limit.

    The share of a round compares crawls that ran one after the other, in a random order; the median of the shares
    counts. The processor time is that of the crawl's process: on a busy machine it says more than the seconds.
    """
    good = True
    for database in databases:
        found: dict[str, list[tuple[float, float]]] = {"without": [], "outbox": [], "relay": []}
        relays: list[float] = []
        for _ in range(rounds):
            for way in random.sample(list(found), len(found)):
                before = processor_seconds()
                with relay(database, address) if way == "relay" else contextlib.nullcontext():
                    settings = WITHOUT_OUTBOX if way == "without" else WITH_OUTBOX
                    found[way].append(crawl(database, port, pages, settings))
                if way == "relay":
                    relays.append((processor_seconds() - before) / pages * 1e6 - found[way][-1][1])
                empty(database)
        print(
            f"{database.split(':')[0]}: the relay needs {statistics.median(relays):,.0f} us of processor a page"
        )
        for way, turns in found.items():
            share = statistics.median(
                one[0] / bare[0] for one, bare in zip(turns, found["without"], strict=True)
            )
            speed, processor = (statistics.median(column) for column in zip(*turns, strict=True))
            enough = share >= LEAST_SHARE
            good = good and enough
            print(
                f"  {way:8} {speed:5,.0f} pages/s, {share:.2f}; {processor:5,.0f} us of processor a page"
                f"{'' if enough else '  BELOW THE LIMIT'}",
                flush=True,
            )
    return good


def crawl(database: str, port: int, pages: int, settings: dict[str, str]) -> tuple[float, float]:
    """Return the pages a second of a crawl, and the processor time of its process for each page."""
    before = processor_seconds()
    speed = crawl_into_database(database, port, pages, settings)
    return speed, (processor_seconds() - before) / pages * 1e6


def processor_seconds() -> float:
    """Return the processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
