"""RabbitMQ and Kafka say which worker has which partition; and what WORKERS_URL must be."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

import workers.kafka
from models.run import ClaimedRun
from tests.brokers import unique_name
from tests.services import service
from tests.workers.test_shared_crawl import HOSTS, PAGES, SETTINGS, refusal, wait_until
from tests.workers.workers import shared_site
from workers.engine import WrongWorkersUrl, engine_of
from workers.kafka import KafkaEngine
from workers.rabbitmq import RabbitEngine

PASSWORD = "hush-hush"
PAUSED = 4  # partitions of a topic that librdkafka's broker creates


class Member:
    """Notes what an engine says, and gives partitions up at once."""

    def __init__(self) -> None:
        self.parts: set[int] = set()

    def assigned(self, part: int) -> None:
        self.parts.add(part)

    def revoked(self, part: int) -> threading.Event:
        self.parts.discard(part)
        event = threading.Event()
        event.set()
        return event


@pytest.fixture
def postgresql() -> str:
    return service("TEST_POSTGRESQL_URL", "PostgreSQL")


def crawl_by_two(url: str, engine: str, folder: Path, *, is_killed: bool) -> None:
    """Crawl the site with two workers, of which one is killed or not, and check the tables."""
    codes = {0: 1, -9: 1} if is_killed else {0: 2}
    with shared_site(url, folder, hosts=HOSTS, pages=PAGES, **SETTINGS) as workers:
        for _ in range(2):
            workers.start(env={"WORKERS_URL": engine})
        wait_until(lambda: len(workers.shares()) == 2 and workers.done() > 5)
        if is_killed:
            workers.processes[0].kill()
        assert Counter(workers.wait(100)) == codes, workers.logs()[-4000:]
        assert workers.faults(HOSTS, PAGES, 1) == []


def test_the_workers_of_rabbitmq_are_equal_to_one_crawl(
    postgresql: str, rabbitmq: str, tmp_path: Path
) -> None:
    crawl_by_two(postgresql, rabbitmq, tmp_path, is_killed=True)


def test_the_workers_of_kafka_are_equal_to_one_crawl(postgresql: str, tansu: str, tmp_path: Path) -> None:
    crawl_by_two(postgresql, f"{tansu}/{unique_name('workers')}", tmp_path, is_killed=True)


def test_a_second_server_with_kafkas_protocol_shares_too(postgresql: str, kafka: str, tmp_path: Path) -> None:
    """noida-db does not exclude a member of the group that is gone, so none is killed."""
    crawl_by_two(postgresql, f"{kafka}/{unique_name('workers')}", tmp_path, is_killed=False)


RUN = ClaimedRun(
    id=1,
    spider="hosts",
    owner="me",
    commits=0,
    resumed=False,
    start_read=False,
    worker=0,
    partitions=8,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
)


class Channel:
    """Notes the consumers of a channel in the order in which RabbitMQ would have them."""

    def __init__(self) -> None:
        self.consumers: list[str] = []

    def basic_consume(self, _queue: str, _callback: object, **options: object) -> None:
        self.consumers.append(str(options["consumer_tag"]))

    def basic_cancel(self, tag: str) -> None:
        self.consumers.remove(tag)


def test_a_worker_with_more_than_its_share_stands_behind_a_new_one_at_the_queues_of_others() -> None:
    """RabbitMQ makes the consumer that came first the next active one: the new worker would come last."""
    engine = RabbitEngine("amqp://127.0.0.1/", replace(RUN, partitions=4))
    engine._member = Member()
    for part in (0, 2):
        engine._tick_came(part)
    channel = Channel()
    for part in range(4):
        engine._subscribe(channel, part)
    channel.consumers.append("the new worker")
    engine.make_way()
    engine._orders.get()(channel)
    assert channel.consumers == ["part-0", "part-2", "the new worker", "part-1", "part-3"]
    engine.leave()
    engine._orders.get()(channel)
    assert channel.consumers == ["part-0", "part-2", "the new worker"]


def test_a_partition_that_was_given_up_before_the_connection_was_lost_is_given_up_once_more() -> None:
    """Another worker becomes its owner: if two believe that they are it, they take it from each other without end."""
    engine = RabbitEngine("amqp://127.0.0.1/", RUN)
    member = Member()
    engine._member = member
    engine._tick_came(0)
    member.parts.clear()
    engine.give_up([0])
    engine._forget_silent(0.0)  # the connection is lost before the order is carried out
    channel = Channel()
    engine._subscribe(channel, 0)
    engine._tick_came(0)  # on the next connection
    assert member.parts == {0}
    engine._orders.get()(channel)
    assert not member.parts and channel.consumers == ["part-0"]
    engine._tick_came(0)
    assert member.parts == {0}


@pytest.fixture
def kafka_in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the URL of a topic of librdkafka's own broker for tests, which moves a group's partitions in seconds."""
    monkeypatch.setattr(workers.kafka, "SESSION", 4_000)  # its first assignment takes 3 s
    cluster = Producer({"test.mock.num.brokers": "1", "log_level": 0})
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    assert len(cluster.list_topics("workers", timeout=10).topics["workers"].partitions) == PAUSED
    yield f"kafka://{broker.host}:{broker.port}/workers"
    del cluster


@pytest.mark.parametrize("broker", ["rabbitmq", "kafka_in_process"])
def test_an_engine_that_pauses_leaves_its_partitions_to_others(
    broker: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(broker)
    first, other = Member(), Member()
    run = replace(RUN, started_at=datetime.now(UTC), partitions=PAUSED)
    engines = [engine_of(url, PAUSED)(replace(run, worker=number)) for number in (0, 1)]
    everything = {*range(PAUSED)}
    try:
        engines[0].start(first)
        wait_until(lambda: first.parts == everything)
        engines[1].start(other)
        engines[0].pause()
        wait_until(lambda: other.parts == everything and not first.parts)
        engines[0].resume()
        engines[1].pause()
        wait_until(lambda: first.parts == everything and not other.parts)
    finally:
        for engine in engines:
            engine.stop()


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{PASSWORD}@127.0.0.1",
        f"amqp:user:{PASSWORD}@127.0.0.1",
        f"amqp://user:{PASSWORD}@127.0.0.1:port/",
        f"amqp://user:{PASSWORD}@127.0.0.1:99999/",
        "kafka:///topic",
        "nonsense",
    ],
)
def test_a_wrong_workers_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(WrongWorkersUrl, match="amqp://user:password@host:port/vhost") as error:
        engine_of(url, 8)
    assert PASSWORD not in str(error.value) and "\n" not in str(error.value)


def test_a_wrong_workers_url_is_one_line(postgresql: str) -> None:
    url = f"redis://user:{PASSWORD}@127.0.0.1"
    line = refusal(spider="quotes", DATABASE_URL=postgresql, WORKERS_URL=url)
    assert line.startswith("scrapy crawl: WORKERS_URL begins with 'redis'") and PASSWORD not in line


def test_a_token_names_the_run_and_not_only_its_number() -> None:
    """Another database has a run with the same number, and its workers may use the same broker."""
    assert KafkaEngine("kafka://one:9092,two:9092", RUN).group == "splashdown.1.20260101000000000000"
