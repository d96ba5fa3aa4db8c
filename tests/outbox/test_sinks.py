"""Each sink against its real broker: every change in order, in both modes; bad settings are one line."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
from confluent_kafka import KafkaError, KafkaException
from sqlalchemy import Engine

from models.session import make_engine
from outbox.address import addresses_of
from outbox.event import Event
from outbox.relay import Relay
from outbox.sink import SENT, SinkDown, SinkEnded, WrongSink
from outbox.sinks import make_sink
from outbox.sinks.webhook import signature
from tests.brokers import own_broker, rabbitmq_api, unique_name
from tests.databases import make_file_with_tables
from tests.outbox.events import address, history, store_changes, without_repeats
from tests.outbox.gate import gate_before
from tests.outbox.receivers import (
    KafkaReceiver,
    MqttReceiver,
    RabbitReceiver,
    StompReceiver,
    WebhookReceiver,
    closing,
)

KINDS = {
    "rabbitmq": RabbitReceiver,
    "kafka": KafkaReceiver,
    "tansu": KafkaReceiver,
    "mqtt": MqttReceiver,
    "stomp": StompReceiver,
    "webhook": None,
}


@pytest.fixture(params=list(KINDS))
def receiver(request: pytest.FixtureRequest) -> Iterator[Any]:
    kind = KINDS[request.param]
    made = WebhookReceiver() if kind is None else kind(request.getfixturevalue(request.param))
    with closing(made):
        yield made


@pytest.fixture
def events_engine(tmp_path: Any) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'events.db'}"
    make_file_with_tables(url)
    engine = make_engine(url)
    yield engine
    engine.dispose()


def event(number: int = 1, *, size: int = 20, row: str = "[1]") -> Event:
    return Event(
        id=number,
        event_id=f"00000000-0000-4000-8000-{number:012d}",
        table_name="book",
        kind="changed",
        row_key=row,
        spider="books",
        at=datetime(2026, 5, 1, 12, tzinfo=UTC),
        data=json.dumps({"kind": "changed", "changed": {}, "text": "ü" * size}, ensure_ascii=False),
    )


def test_a_consumer_gets_every_change_in_the_order_of_its_row(receiver: Any, events_engine: Engine) -> None:
    store_changes(events_engine, [[1, 2, 3], [2], [2, 3], [4, 2]])
    (where,) = addresses_of(receiver.url)
    end = Relay(events_engine, {where.name: make_sink(where)}, keep=timedelta(days=7)).run(once=True)
    assert end.errors == {}
    assert without_repeats(receiver.receive(8)) == history(events_engine)


@pytest.mark.parametrize("name", ["rabbitmq", "kafka", "mqtt", "stomp"])
def test_binary_mode_sends_the_data_alone(name: str, request: pytest.FixtureRequest) -> None:
    receiver: Any = KINDS[name](request.getfixturevalue(name), "&mode=binary")  # type: ignore[misc]
    with closing(receiver):
        sink = make_sink(address(receiver.url))
        sink.open()
        assert list(sink.send([event()])) == [SENT]
        sink.close()
        assert receiver.receive(1) == [json.loads(event().data)]


def test_a_webhook_is_signed_as_standard_webhooks_says(request: pytest.FixtureRequest) -> None:
    secret = base64.b64encode(b"a secret of the shop").decode()
    with closing(WebhookReceiver(f"&webhook_secret=whsec_{secret}")) as receiver:
        sink = make_sink(address(receiver.url))
        sink.open()
        assert list(sink.send([event()])) == [SENT]
        sink.close()
        headers = {name.lower(): value for name, value in receiver.headers[0].items()}
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + receiver.bodies.get()
        expected = hmac.new(b"a secret of the shop", signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
        assert headers["webhook-id"] == event().event_id
    # The example of the specification.
    assert (
        signature(
            base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    {500: "failed", 429: "failed", 301: "failed", 400: "refused", 413: "refused", 410: "ended"}.items(),
)
def test_the_answer_of_a_webhook_decides_what_becomes_of_an_event(status: int, expected: str) -> None:
    with closing(WebhookReceiver()) as receiver:
        receiver.answer = status
        sink = make_sink(address(receiver.url))
        sink.open()
        if expected == "ended":
            with pytest.raises(SinkEnded):
                sink.send([event()])
        else:
            (outcome,) = sink.send([event()])
            assert getattr(outcome, expected) is not None and not outcome.sent
        sink.close()


def test_a_message_that_no_queue_takes_is_refused_or_dropped(rabbitmq: str) -> None:
    exchange = unique_name("exchange")
    for options, sent in (("", False), ("&unroutable=drop", True)):
        sink = make_sink(address(f"{rabbitmq}?exchange={exchange}&type=fanout{options}"))
        sink.open()
        (outcome,) = sink.send([event()])
        assert outcome.sent is sent
        assert sent or "bind a queue" in str(outcome.refused)
        sink.close()


def test_what_kafka_has_not_confirmed_is_not_sent(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.sinks.kafka.PATIENCE", 2.0)
    with own_broker("kafka", tmp_path) as broker:
        sink = make_sink(address(broker.url))
        sink.open()
        assert sink.send([event(1), event(2, row="[2]")]) == [SENT, SENT]
        broker.stop()
        with pytest.raises(SinkDown):
            sink.send([event(3), event(4, row="[4]")])
        sink.close()


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_each_error_of_kafka_is_that_of_its_event(
    kafka: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker refuses the second event, which has the key of the third one, and does not answer for the last one."""
    errors = {1: KafkaError.INVALID_RECORD, 3: KafkaError._MSG_TIMED_OUT}
    monkeypatch.setattr("outbox.sinks.kafka.Producer", lambda _: ProducerWithErrors(errors))
    events = [event(1), event(2, row="[2]"), event(3, row="[2]")._replace(table_name="review")]
    events += [event(4, row="[4]"), event(5, row="[5]", size=2_000_000)]
    topic = unique_name("topic")
    sink = make_sink(address(f"{kafka}/{topic}?mode={mode}"))
    sink.open()
    first, second, third, fourth, too_large = sink.send(events)
    assert first == third == SENT
    assert second.refused == "Broker: Broker failed to validate record"
    assert fourth.failed is not None and too_large.refused is not None
    sink.close()


class ProducerWithErrors:
    """A producer that has errors for the messages at some positions, which it tells when it is flushed."""

    def __init__(self, errors: Mapping[int, int]) -> None:
        self.errors, self.messages = errors, list[Any]()

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(topics={})

    def produce(self, topic: str, value: bytes, key: bytes, *, headers: Any, on_delivery: Any) -> None:
        if len(value) > 1_000_000:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        message = SimpleNamespace(topic=lambda: topic, key=lambda: key, value=lambda: value)
        self.messages.append((on_delivery, message))

    def flush(self, _timeout: float) -> int:
        for position, (note, message) in enumerate(self.messages):
            if position in self.errors:
                note(KafkaError(self.errors[position]), message)
        self.messages.clear()
        return 0

    def purge(self) -> None:
        pass


@pytest.mark.parametrize("type_", ["topic", "fanout", "direct", "headers"])
def test_every_type_of_exchange_routes(rabbitmq: str, type_: str) -> None:
    exchange, queue = unique_name("exchange"), unique_name("queue")
    sink = make_sink(address(f"{rabbitmq}?exchange={exchange}&type={type_}&unroutable=drop"))
    sink.open()
    with pika.BlockingConnection(pika.URLParameters(rabbitmq)) as connection:
        channel = connection.channel()
        channel.queue_declare(queue)
        arguments = {"x-match": "all", "table": "book", "kind": "changed"} if type_ == "headers" else None
        channel.queue_bind(queue, exchange, "book.changed", arguments)
        assert list(sink.send([event()])) == [SENT]
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        assert method is not None and json.loads(body)["data"]["text"]
        assert properties.message_id == event().event_id and properties.delivery_mode == 2
    sink.close()


def test_a_stream_keeps_events_for_every_reader(rabbitmq: str) -> None:
    queue = unique_name("stream")
    sink = make_sink(address(f"{rabbitmq}?exchange=&queue={queue}&queue_type=stream"))
    sink.open()
    assert list(sink.send([event(1), event(2, row="[2]")])) == [SENT, SENT]
    sink.close()
    for _ in range(2):
        with pika.BlockingConnection(pika.URLParameters(rabbitmq)) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=10)
            found = []
            for method, _, body in channel.consume(
                queue, arguments={"x-stream-offset": "first"}, inactivity_timeout=30
            ):
                assert method is not None
                channel.basic_ack(method.delivery_tag)
                found.append(json.loads(body)["id"])
                if len(found) == 2:
                    break
            assert found == [event(1).event_id, event(2).event_id]


def opened(url: str) -> str:
    """Return the message with which a sink of this address is refused."""
    with pytest.raises((WrongSink, SinkDown)) as refused:
        sink = make_sink(address(url))
        try:
            sink.open()
            outcomes: Any = sink.send([event()])
            assert outcomes == [], "it was sent"
        finally:
            sink.close()
    text = str(refused.value)
    assert "\n" not in text and ":secret" not in text
    return f"{type(refused.value).__name__}: {text}"


def test_a_wrong_address_of_rabbitmq_is_one_line(rabbitmq: str) -> None:
    place = urlsplit(rabbitmq)
    host = f"{place.hostname}:{place.port}"
    assert "there is no option exchagne; did you mean exchange?" in opened(f"{rabbitmq}?exchagne=x")
    assert "vhost nowhere not found" in opened(f"amqp://{place.username}:{place.password}@{host}/nowhere")
    assert "refuses the user shop with this password" in opened(f"amqp://shop:secret@{host}/")
    assert "SinkDown" in opened("amqp://shop:secret@127.0.0.1:9/")
    assert "use amqp:// for a port without TLS" in opened(f"amqps://shop:secret@{host}/")
    exchange = unique_name("exchange")
    make = make_sink(address(f"{rabbitmq}?exchange={exchange}&type=topic"))
    make.open()
    make.close()
    assert "inequivalent arg 'type'" in opened(f"{rabbitmq}?exchange={exchange}&type=fanout")
    assert "without declare=0 the relay declares it" in opened(f"{rabbitmq}?exchange=nothing&declare=0")
    assert "needs queue=NAME" in opened(f"{rabbitmq}?exchange=")
    assert "may have {table}" in opened(f"{rabbitmq}?routing_key={{tabel}}")
    if rabbitmq_api("GET", "/api/overview"):
        name = unique_name("reader")
        vhost = place.path.removeprefix("/")
        rabbitmq_api("PUT", f"/api/users/{name}", {"password": "secret", "tags": ""})
        rabbitmq_api("PUT", f"/api/permissions/{vhost}/{name}", {"configure": "", "write": "", "read": ".*"})
        said = opened(f"amqp://{name}:secret@{host}{place.path}?exchange={unique_name('exchange')}")
        assert "give the user" in said and "use declare=0" in said
        rabbitmq_api("DELETE", f"/api/users/{name}")


def test_a_wrong_address_of_other_sinks_is_one_line(kafka: str, mqtt: str, stomp: str) -> None:
    place, login = urlsplit(mqtt), "shop:secret"
    assert "the broker refuses the connection" in opened(f"mqtt://{login}@{place.hostname}:{place.port}")
    assert "SinkDown" in opened("mqtt://127.0.0.1:9")
    place = urlsplit(stomp)
    assert "the broker refuses the connection" in opened(f"stomp://{login}@{place.hostname}:{place.port}")
    assert "SinkDown" in opened("stomp://127.0.0.1:9/")
    assert "there is no topic" in opened(f"{kafka}/{unique_name('topic')}?declare=0")
    assert "may have {table} only" in opened(f"{kafka}/{{tabel}}")


def test_a_kafka_broker_that_cannot_be_reached_is_one_line_with_the_cause(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.sinks.kafka.CONNECT", 3.0)
    refused = opened("kafka://127.0.0.1:9/topic")
    assert refused.startswith("SinkDown") and "Connection refused" in refused
    assert "the address has no security=ssl" in opened(f"{kafka}/topic?security=ssl")
    assert "is no public address; if it is right, add webhook_private=1" in opened("https://127.0.0.1/x")
    assert "is not whsec_ and Base64" in opened("https://127.0.0.1/x?webhook_secret=$$$")
    assert "which is no sink; there are amqp" in opened("redis://127.0.0.1/")


@pytest.mark.parametrize("name", ["rabbitmq", "mqtt", "stomp", "webhook"])
def test_a_port_without_a_broker_behind_it_is_a_broker_that_is_away(
    name: str, request: pytest.FixtureRequest
) -> None:
    """A proxy, such as Docker's, accepts connections while the broker starts, and ends them at once."""
    url = "http://127.0.0.1/?webhook_private=1" if name == "webhook" else request.getfixturevalue(name)
    with gate_before(url) as gate:
        gate.close()
        said = opened(gate.url)
        assert gate.attempts
    assert said.startswith("SinkDown: ") and "object at" not in said and "Error(" not in said
    assert name != "webhook" or said == "SinkDown: Remote end closed connection without response"


def test_an_address_is_read_and_its_password_never_shown() -> None:
    amqp, kafka, named = addresses_of(
        "amqp://shop:p%40ss@broker:5672/%2Forders  kafka://a:9092,b:9093/topic?x=1 stdout:?name=look"
    )
    assert amqp.name == "amqp://broker:5672/%2Forders" and amqp.password == "p@ss"
    assert kafka.hosts == [("a", 9092), ("b", 9093)]
    assert named.name == "look"
    for text, problem in (
        ("broker:5672", "which is no sink|no address"),
        ("/broker", "is no address"),
        ("amqp://u:secret@host:port/", "cannot be read"),
        ("stdout: stdout:", "two sinks with the name stdout"),
    ):
        with pytest.raises(WrongSink, match=problem) as refused:
            for one in addresses_of(text):
                make_sink(one)
        assert "secret" not in str(refused.value)
