"""A broker that WORKERS_URL names and that a worker cannot use: one line says why, before a run is begun."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from confluent_kafka import KafkaError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import CrawlRun
from models.session import make_engine
from tests.brokers import rabbitmq_api, unique_name
from tests.conftest import empty
from tests.services import not_tested, service
from tests.workers.test_shared_crawl import refusal
from workers.engine import engine_of
from workers.errors import WrongWorkersUrl
from workers.kafka import what_to_do

PASSWORD = "hush-hush"


def fault_of(url: str) -> str:
    with pytest.raises(WrongWorkersUrl) as error:
        engine_of(url, 8)
    message = str(error.value)
    assert message.startswith("WORKERS_URL: ") and PASSWORD not in message and "\n" not in message
    return message


def with_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@{parts.hostname}:{parts.port}"))


@pytest.fixture
def user_without_permissions(rabbitmq: str) -> Iterator[str]:
    """Yield the URL of a user of RabbitMQ who may connect and do nothing."""
    name, host = unique_name("user"), quote(urlsplit(rabbitmq).path[1:], safe="%")
    try:
        rabbitmq_api("PUT", f"/api/users/{name}", {"password": PASSWORD, "tags": ""})
    except KeyError:
        not_tested("users of RabbitMQ: TEST_RABBITMQ_API_URL is not set")
    nothing = {"configure": "^$", "write": "^$", "read": "^$"}
    rabbitmq_api("PUT", f"/api/permissions/{host}/{name}", nothing)
    try:
        yield with_user(rabbitmq, name)
    finally:
        rabbitmq_api("DELETE", f"/api/users/{name}")


def test_a_user_of_rabbitmq_who_may_not_create_queues(user_without_permissions: str) -> None:
    message = fault_of(user_without_permissions)
    assert "needs the permissions configure, write and read for the queues splashdown.*" in message


def test_a_wrong_password_or_virtual_host_of_rabbitmq(rabbitmq: str) -> None:
    assert "refuses the user nobody with this password" in fault_of(with_user(rabbitmq, "nobody"))
    other = urlunsplit(urlsplit(rabbitmq)._replace(path="/no-such-host"))
    assert "has no virtual host 'no-such-host' for the user" in fault_of(other)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            f"amqp://me:{PASSWORD}@127.0.0.1:1/",
            "RabbitMQ at 127.0.0.1:1 does not answer (.*refused.*): check the host",
        ),
        (
            f"amqp://me:{PASSWORD}@no-such-host.invalid/",
            "RabbitMQ at no-such-host.invalid:5672 does not answer",
        ),
        (f"amqp://me:{PASSWORD}@127.0.0.1/?heartbeat=often", "cannot be read: Invalid heartbeat value"),
        ("kafka://127.0.0.1:1/topic", "no Kafka broker answers at 127.0.0.1:1 (.*refused.*): check the host"),
        ("kafka://no-such-host.invalid:9092", "no Kafka broker answers at no-such-host.invalid:9092"),
    ],
)
def test_a_broker_that_does_not_answer(url: str, said: str) -> None:
    message = fault_of(url)
    position = 0
    for part in said.split(".*"):
        assert part in message[position:], message
        position = message.index(part, position)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (KafkaError._AUTHENTICATION, "refuses the user crawler with this password"),
        (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            "create it with 64 partitions, and permit the user to read it",
        ),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "permit it the groups splashdown.*"),
        (KafkaError.INVALID_REPLICATION_FACTOR, "Kafka at kafka.example:9092: "),
    ],
)
def test_a_user_of_kafka_who_is_refused(code: int, said: str) -> None:
    errors = [KafkaError(code), KafkaError(KafkaError._ALL_BROKERS_DOWN)]
    message = what_to_do(errors, f"crawler:{PASSWORD}@kafka.example:9092", "hosts", 64)
    assert said in message and PASSWORD not in message


def test_no_run_is_begun_with_a_wrong_password(rabbitmq: str) -> None:
    database = service("TEST_POSTGRESQL_URL", "PostgreSQL")
    empty(database)
    line = refusal(DATABASE_URL=database, WORKERS_URL=with_user(rabbitmq, "nobody"))
    assert line.startswith("scrapy crawl: WORKERS_URL: RabbitMQ at ") and PASSWORD not in line
    engine = make_engine(database)
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(CrawlRun)) == 0
    engine.dispose()
