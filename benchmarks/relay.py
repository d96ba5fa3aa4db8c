"""Events per second of the relay, from each database to each sink, beside the bare client on the same broker.

python -m benchmarks.relay [--events 100000] [--rounds 3] [--sinks rabbitmq,kafka] [DATABASE_URL ...]
python -m benchmarks.relay --lag [--pages 5000] [DATABASE_URL ...]
python -m benchmarks.relay --crawl [--pages 5000] [--rounds 3] [DATABASE_URL ...]

``eval "$(scripts/services env)"`` names the brokers; a broker without a URL is left out. Relay and client take turns,
each in a process of its own, and the median counts. The seconds are those from the connection to the last
confirmation; in them the relay also reads the events and stores its position. For Kafka they have the 0.5 or 1 second
that librdkafka waits for the id of an idempotent producer: the bare client hands over all its messages meanwhile, and
the relay one batch. Growth of memory is the maximum after a quarter of the events less the maximum before: it must not
depend on the number of events.

The limits are 0.6 of the bare client, 5,000 events/s to a quorum queue of RabbitMQ and 20,000 events/s to Kafka. A
webhook gets a tenth of the events; stdout goes to /dev/null and has no limit. Nobody reads what is sent; queues and
topics are deleted afterwards.

``--lag`` prints the age of events (their time of the commit) at a consumer while a crawl runs (limit: 99 % under 1 s);
``--crawl`` the pages per second without the outbox, with it, and with a relay beside (limit: 0.95).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pika
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import relay_crawl
from benchmarks.relay_clients import CLIENTS
from benchmarks.relay_events import empty_outbox, sent_by, store_events
from crawler.garbage_collection import collect_rarely
from models.schema import upgrade
from models.session import make_engine
from outbox.address import SinkAddress
from outbox.relay import Relay
from outbox.sinks import make_sink

SINK = "sink"
LEAST_SHARE = 0.6  # of the bare client
FEWEST = {"rabbitmq": 5000, "kafka": 20_000}  # events a second
SAMPLES = 0.05  # seconds between two looks at the memory
PLACE = f"benchmark-{uuid.uuid4().hex[:8]}"  # the name of the queue or the topic


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What sending the events took; ``growth`` is in MiB."""

    speed: float
    processor: float  # microseconds for each event
    growth: float


# --- In the process that sends --------------------------------------------------------------------------------


def send_by_relay(database: str, address: SinkAddress, number: int) -> dict[str, float]:
    """Send the events in the outbox, and return what it took."""
    engine = make_engine(database)
    relay = Relay(engine, {SINK: make_sink(address)}, keep=timedelta(days=7))
    with _memory(lambda: relay.deliveries[0].sent if relay.deliveries else 0, number) as peaks:
        measured = _measured(lambda: relay.run(once=True))
    assert sent_by(engine, SINK) == number, f"{sent_by(engine, SINK)} of {number} events are sent"
    engine.dispose()
    return measured | {"growth": (peaks[1] - peaks[0]) / 2**20}


def send(text: str, number: int, database: str | None) -> None:
    """Send events by the relay from a database, or by the bare client; print what it took as JSON."""
    address = SinkAddress.of(text)
    collect_rarely()  # as scrapy relay does
    gc.freeze()
    with os.fdopen(os.dup(1), "w") as results:
        if address.scheme == "stdout":
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        found = send_by_relay(database, address, number) if database else send_by_client(address, number)
        json.dump(found, results)


def send_by_client(address: SinkAddress, number: int) -> dict[str, float]:
    return _measured(lambda: CLIENTS[address.scheme](address, number)) | {"growth": 0.0}


def _measured(work: Callable[[], object]) -> dict[str, float]:
    began, busy = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    work()
    seconds, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "processor": now.ru_utime + now.ru_stime - busy.ru_utime - busy.ru_stime,
    }


@contextlib.contextmanager
def _memory(sent: Callable[[], int], number: int) -> Iterator[list[float]]:
    """Yield the maximum of the memory before and after a quarter of the events is sent."""
    peaks = [0.0, 0.0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLES):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            late = sent() >= number / 4
            peaks[late] = max(peaks[late], pages * resource.getpagesize())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield peaks
    over.set()
    thread.join()
    peaks[1] = max(peaks)
    peaks[0] = peaks[0] or peaks[1]


# --- In the process that measures -----------------------------------------------------------------------------


def measure(command: list[str], number: int) -> Measurement:
    """Send the events in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.relay", *command, "--events", str(number)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return Measurement(
        speed=number / found["seconds"], processor=found["processor"] / number * 1e6, growth=found["growth"]
    )


def addresses(webhook_port: int) -> dict[str, str]:
    """Return the addresses of the sinks that are there, by name."""
    found = {}
    for name, variable, rest in (
        ("rabbitmq", "TEST_RABBITMQ_URL", f"?exchange=&queue={PLACE}"),
        ("kafka", "TEST_KAFKA_URL", f"/{PLACE}"),
        ("tansu", "TEST_TANSU_URL", f"/{PLACE}"),
        ("mqtt", "TEST_MQTT_URL", f"/{PLACE}"),
    ):
        if os.environ.get(variable):
            found[name] = os.environ[variable].rstrip("/") + rest
    if os.environ.get("TEST_STOMP_URL"):
        found["stomp"] = f"{os.environ['TEST_STOMP_URL']}?destination=/queue/{PLACE}-stomp"
    found["webhook"] = f"http://127.0.0.1:{webhook_port}/?webhook_private=1"
    found["stdout"] = "stdout:"
    return found


def prepare(name: str, address: str) -> None:
    """Create the topic of Kafka with the partitions that the relay would give it; other places need no preparation."""
    if name in ("kafka", "tansu"):
        admin = _admin(address)
        for future in admin.create_topics([NewTopic(PLACE, num_partitions=6, replication_factor=1)]).values():
            future.result()


def clean(name: str, address: str) -> None:
    """Delete the queue or the topic."""
    if name in ("rabbitmq", "stomp"):
        with contextlib.closing(
            pika.BlockingConnection(pika.URLParameters(os.environ["TEST_RABBITMQ_URL"]))
        ) as one:
            one.channel().queue_delete(PLACE if name == "rabbitmq" else f"{PLACE}-stomp")
    elif name in ("kafka", "tansu"):
        admin = _admin(address)
        for future in admin.delete_topics([PLACE]).values():
            future.result()


def _admin(address: str) -> AdminClient:
    (host, port), *_ = SinkAddress.of(address).hosts
    return AdminClient({"bootstrap.servers": f"{host}:{port}", "log_level": 0})


def median(measurements: list[Measurement]) -> Measurement:
    return sorted(measurements, key=lambda one: one.speed)[len(measurements) // 2]


def compare(databases: list[str], sinks: dict[str, str], number: int, rounds: int) -> bool:
    """Print the figures of each sink and database; return whether all are within the limits."""
    good = True
    for name, address in sinks.items():
        events = number // 10 if name == "webhook" else number
        found: dict[str, list[Measurement]] = {one: [] for one in ("bare client", *databases)}
        for _ in range(rounds):
            prepare(name, address)
            found["bare client"].append(measure(["--client", address], events))
            clean(name, address)
            for database in databases:
                engine = make_engine(database)
                store_events(engine, events)
                prepare(name, address)
                found[database].append(measure(["--send", database, address], events))
                empty_outbox(engine)
                engine.dispose()
                clean(name, address)
        bare = median(found.pop("bare client"))
        print(f"{name}: bare client {bare.speed:9,.0f}/s, {bare.processor:5.0f} us of processor", flush=True)
        for database, measurements in found.items():
            ours = median(measurements)
            share = ours.speed / bare.speed
            enough = (share >= LEAST_SHARE or name == "stdout") and ours.speed >= FEWEST.get(name, 0)
            good = good and enough
            print(
                f"  from {database.split(':')[0]:18} {ours.speed:9,.0f}/s, {share:5.2f} of it, "
                f"{ours.processor:5.0f} us, memory +{statistics.median(one.growth for one in measurements):.1f} MiB"
                f"{'' if enough else '  BELOW THE LIMIT'}",
                flush=True,
            )
    return good


@contextlib.contextmanager
def helper(module: str) -> Iterator[int]:
    """Run a server of the benchmarks, and yield its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3, help="the median counts (default: %(default)s)")
    parser.add_argument("--sinks", metavar="NAME,...", help="by default all")
    parser.add_argument("--lag", action="store_true")
    parser.add_argument("--crawl", action="store_true")
    parser.add_argument("--client", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--send", nargs=2, metavar=("DATABASE_URL", "ADDRESS"), help=argparse.SUPPRESS)
    parser.add_argument("databases", nargs="*")
    options = parser.parse_args()
    if options.client or options.send:
        send(options.client or options.send[1], options.events, options.send[0] if options.send else None)
        return
    with tempfile.TemporaryDirectory() as folder:
        databases = options.databases or [
            *(os.environ[name] for name in ("TEST_MARIADB_URL", "TEST_POSTGRESQL_URL") if name in os.environ),
            f"sqlite:///{folder}/benchmark.db",
        ]
        for database in databases:
            engine = make_engine(database)
            upgrade(engine)
            engine.dispose()
        if options.lag or options.crawl:
            with helper("benchmarks.site") as port:
                url = os.environ["TEST_RABBITMQ_URL"]
                if options.lag:
                    good = relay_crawl.measure_lag(databases, port, options.pages, url, PLACE)
                else:
                    address = addresses(0)["rabbitmq"]
                    good = relay_crawl.measure_crawl(databases, port, options.pages, options.rounds, address)
                    clean("rabbitmq", address)
        else:
            with helper("benchmarks.webhook_receiver") as port:
                sinks = addresses(port)
                names = options.sinks.split(",") if options.sinks else sinks
                good = compare(
                    databases, {name: sinks[name] for name in names}, options.events, options.rounds
                )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
