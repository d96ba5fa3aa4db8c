"""The brokers of scripts/services: each confirms a message, delivers it to a reader, and has it after a restart."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import pika
import psutil
import pytest
import stomp as stomp_client
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from paho.mqtt import client as mqtt_client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pika.adapters.blocking_connection import BlockingChannel

from scripts.lib.broker_check import refusal
from tests.brokers import own_broker, unique_name

DEADLINE = 30
BODIES = [f"event {number}".encode() for number in range(5)]


# --- RabbitMQ --------------------------------------------------------------------------------------------------------


@pytest.fixture
def channel(rabbitmq: str) -> Iterator[BlockingChannel]:
    with opened(rabbitmq) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


def opened(url: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(url))


def publish(channel: BlockingChannel, name: str) -> None:
    """Publish to a queue. Each call raises an error if the broker does not confirm the message."""
    for body in BODIES:
        channel.basic_publish("", name, body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def read(channel: BlockingChannel, name: str, **arguments: object) -> list[bytes]:
    """Consume as many messages as were published, and acknowledge them."""
    bodies: list[bytes] = []
    channel.basic_qos(prefetch_count=10)
    for method, _, body in channel.consume(name, arguments=arguments, inactivity_timeout=DEADLINE):
        assert method is not None, f"only {bodies} came"
        channel.basic_ack(method.delivery_tag)
        bodies.append(body)
        if len(bodies) == len(BODIES):
            break
    channel.cancel()
    return bodies


def test_a_quorum_queue_confirms_messages_and_delivers_them_in_order(channel: BlockingChannel) -> None:
    name = unique_name("queue")
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    publish(channel, name)
    assert read(channel, name) == BODIES


def test_a_stream_gives_its_messages_to_each_reader_from_the_beginning(channel: BlockingChannel) -> None:
    name = unique_name("stream")
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "stream"})
    publish(channel, name)
    for _ in range(2):
        assert read(channel, name, **{"x-stream-offset": "first"}) == BODIES


def test_stomp_gives_a_receipt_for_a_message_that_amqp_reads(stomp: str, channel: BlockingChannel) -> None:
    name = unique_name("queue")
    url = urlsplit(stomp)
    connection = stomp_client.Connection12([(url.hostname, url.port)], vhost=unquote(url.path[1:]))
    receipts: queue.Queue[str] = queue.Queue()
    connection.set_listener("", Receipts(receipts))
    connection.connect(url.username, url.password, wait=True)
    for body in BODIES:
        connection.send(f"/queue/{name}", body, receipt=body.decode())
    assert [receipts.get(timeout=DEADLINE) for _ in BODIES] == [body.decode() for body in BODIES]
    connection.disconnect()
    assert read(channel, name) == BODIES


class Receipts(stomp_client.ConnectionListener):  # type: ignore[misc]
    def __init__(self, receipts: queue.Queue[str]) -> None:
        self.receipts = receipts

    def on_receipt(self, frame: stomp_client.utils.Frame) -> None:
        self.receipts.put(frame.headers["receipt-id"])


# --- Mosquitto -------------------------------------------------------------------------------------------------------


def connected(url: str, on_message: Callable[..., None] | None = None) -> mqtt_client.Client:
    """Return a client of MQTT 5 whose thread runs."""
    parts = urlsplit(url)
    client = mqtt_client.Client(mqtt_client.CallbackAPIVersion.VERSION2, protocol=mqtt_client.MQTTv5)
    client.username_pw_set(parts.username, parts.password)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.on_message = on_message
    client.connect(parts.hostname or "", parts.port or 0)
    client.loop_start()
    assert ready.wait(DEADLINE)
    return client


def test_mqtt_5_acknowledges_messages_and_keeps_their_order_and_user_properties(mqtt: str) -> None:
    topic = unique_name("splashdown") + "/book/changed"
    messages: queue.Queue[mqtt_client.MQTTMessage] = queue.Queue()
    reader = connected(mqtt, lambda client, _, message: messages.put(message))
    subscribed = threading.Event()
    reader.on_subscribe = lambda *_: subscribed.set()
    reader.subscribe(topic, qos=1)
    assert subscribed.wait(DEADLINE)
    writer = connected(mqtt)
    for body in BODIES:
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = ("id", body.decode())
        sent = writer.publish(topic, body, qos=1, properties=properties)
        sent.wait_for_publish(DEADLINE)
        assert sent.is_published()
    received = [messages.get(timeout=DEADLINE) for _ in BODIES]
    assert [message.payload for message in received] == BODIES
    assert [message.properties.UserProperty for message in received] == [  # type: ignore[union-attr]
        [("id", body.decode())] for body in BODIES
    ]
    for client in (reader, writer):
        client.disconnect()
        client.loop_stop()


# --- Kafka -----------------------------------------------------------------------------------------------------------


def produce(server: str, topic: str, key: str, **options: object) -> list[tuple[int, int]]:
    """Send the messages with one key, and return the partition and the offset of each as the server confirmed them."""
    places: list[tuple[int, int]] = []

    def confirmed(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        places.append((message.partition(), message.offset()))  # type: ignore[arg-type]

    producer = Producer({"bootstrap.servers": server, "acks": "all", "enable.idempotence": True, **options})
    for body in BODIES:
        producer.produce(topic, body, key=key, headers={"id": body}, on_delivery=confirmed)
    assert producer.flush(DEADLINE) == 0
    return places


def create_topic(server: str, topic: str, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": server})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(DEADLINE)


def poll(consumer: Consumer, count: int) -> list[Message]:
    messages: list[Message] = []
    end = time.monotonic() + DEADLINE
    while len(messages) < count:
        assert time.monotonic() < end, f"only {len(messages)} messages came"
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            messages.append(message)
    return messages


@pytest.mark.parametrize("broker", ["kafka", "tansu"])
def test_a_kafka_group_reads_each_message_once_in_the_order_of_its_key(
    broker: str, request: pytest.FixtureRequest
) -> None:
    server = urlsplit(request.getfixturevalue(broker)).netloc
    topic, group = unique_name("topic"), unique_name("group")
    create_topic(server, topic, 4)
    for key in ("a", "b"):
        places = produce(server, topic, key)
        assert len({partition for partition, _ in places}) == 1
        assert [offset for _, offset in places] == sorted({offset for _, offset in places})

    consumer = Consumer(
        {
            "bootstrap.servers": server,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe([topic])
    messages = poll(consumer, 2 * len(BODIES))
    consumer.commit(asynchronous=False)
    committed = consumer.committed([TopicPartition(topic, partition) for partition in range(4)], DEADLINE)
    consumer.close()
    for key in (b"a", b"b"):
        assert [message.value() for message in messages if message.key() == key] == BODIES
    assert all(message.headers() == [("id", message.value())] for message in messages)
    assert sum(max(place.offset, 0) for place in committed) == len(messages)


# --- Each of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broker", ["rabbitmq", "mqtt"])
def test_a_broker_refuses_a_wrong_password(broker: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(broker)
    parts = urlsplit(url)
    assert refusal(url) == ""
    for login in ("guest:guest@", f"{parts.username}:wrong@"):
        assert refusal(urlunsplit(parts._replace(netloc=f"{login}{parts.hostname}:{parts.port}")))


def listening_addresses(pid: int) -> set[str]:
    """Return the addresses at which a process and those that it started accept connections."""
    process = psutil.Process(pid)
    return {
        connection.laddr.ip
        for each in [process, *process.children(recursive=True)]
        for connection in each.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_a_killed_rabbitmq_has_its_confirmed_messages_when_it_starts_again(tmp_path: Path) -> None:
    name = unique_name("queue")
    with own_broker("rabbitmq", tmp_path / "rabbitmq") as broker:
        assert listening_addresses(broker.pid) <= {"127.0.0.1", "::1"}
        for url in broker.urls.values():  # AMQP, STOMP, streams, the HTTP API
            parts = urlsplit(url)
            socket.create_connection((parts.hostname, parts.port), DEADLINE).close()
        channel = opened(broker.url).channel()
        channel.confirm_delivery()
        channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
        publish(channel, name)
        broker.wait_for_quorum_queue(name)
        broker.kill()
        broker.start()
        with opened(broker.url) as connection:
            assert read(connection.channel(), name) == BODIES
        users = json.loads(broker.ctl("list_users", "--formatter", "json"))
        assert [user["user"] for user in users] == ["splashdown"]


@pytest.mark.parametrize("name", ["kafka", "tansu"])
def test_a_kafka_of_its_own_has_its_messages_when_it_starts_again(name: str, tmp_path: Path) -> None:
    topic = unique_name("topic")
    with own_broker(name, tmp_path / name) as broker:
        assert listening_addresses(broker.pid) <= {"127.0.0.1", "::1"}
        server = urlsplit(broker.url).netloc
        create_topic(server, topic, 1)
        produce(server, topic, "a", **{"enable.idempotence": False})
        if name == "tansu":
            broker.kill()
        else:
            broker.stop()
        broker.start()
        consumer = Consumer({"bootstrap.servers": server, "group.id": unique_name("group")})
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        assert [message.value() for message in poll(consumer, len(BODIES))] == BODIES
        consumer.close()


def test_a_mosquitto_that_ends_has_its_retained_messages_when_it_starts_again(tmp_path: Path) -> None:
    topic = unique_name("topic")
    messages: queue.Queue[mqtt_client.MQTTMessage] = queue.Queue()
    with own_broker("mosquitto", tmp_path / "mosquitto") as broker:
        assert listening_addresses(broker.pid) <= {"127.0.0.1", "::1"}
        writer = connected(broker.url)
        writer.publish(topic, "last price", qos=1, retain=True).wait_for_publish(DEADLINE)
        writer.disconnect()
        writer.loop_stop()
        broker.stop()
        broker.start()
        reader = connected(broker.url, lambda client, _, message: messages.put(message))
        reader.subscribe(topic, qos=1)
        assert messages.get(timeout=DEADLINE).payload == b"last price"
        reader.disconnect()
        reader.loop_stop()
