"""The bare clients of brokers, with the durability of the relay's sinks: what the relay is compared with.

Each function sends ``number`` messages of the size of an event, waits for all confirmations, and returns nothing.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import pika
import requests
import stomp
from confluent_kafka import Producer
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.relay_events import KIND, TABLE, messages
from outbox.address import SinkAddress
from outbox.event import CLOUDEVENTS_JSON
from outbox.sinks.rabbitmq import RabbitSink

WINDOW = 1000  # messages without a confirmation
DEADLINE = 600.0  # seconds


def send_by_pika(address: SinkAddress, number: int) -> None:
    """Publish persistent messages; at most a window of them is not confirmed."""
    sink = RabbitSink(address)
    left = messages(number)
    open_tags: set[int] = set()
    tags = itertools.count(1)
    failures: list[object] = []

    connection: Any = None

    def publish(channel: Any) -> None:
        for event, body in itertools.islice(left, WINDOW - len(open_tags)):
            channel.basic_publish("", sink.queue, body, sink.properties_of(event), mandatory=True)
            open_tags.add(next(tags))
        if not open_tags:
            connection.close()

    def settled(channel: Any, method: Any) -> None:
        tag = method.delivery_tag
        open_tags.difference_update({one for one in open_tags if one <= tag} if method.multiple else {tag})
        if len(open_tags) <= WINDOW // 2:
            publish(channel)

    def opened(channel: Any) -> None:
        channel.confirm_delivery(
            lambda frame: settled(channel, frame.method), callback=lambda _: declare(channel)
        )

    def declare(channel: Any) -> None:
        channel.queue_declare(
            sink.queue,
            durable=True,
            arguments={"x-queue-type": sink.queue_type},
            callback=lambda _: publish(channel),
        )

    def closed(_: Any, reason: BaseException) -> None:
        if open_tags:
            failures.append(reason)
        connection.ioloop.stop()

    connection = pika.SelectConnection(
        sink.parameters,
        on_open_callback=lambda _: connection.channel(on_open_callback=opened),
        on_open_error_callback=closed,
        on_close_callback=closed,
    )
    connection.ioloop.start()
    assert not failures, failures


def send_by_confluent_kafka(address: SinkAddress, number: int) -> None:
    """Produce idempotently, with acks=all."""
    (host, port), *_ = address.hosts
    producer = Producer(
        {
            "bootstrap.servers": f"{host}:{port}",
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "compression.type": "lz4",
        }
    )
    sent = 0

    def delivered(error: object, _: object) -> None:
        nonlocal sent
        assert error is None, error
        sent += 1

    headers: Any = [("content-type", CLOUDEVENTS_JSON.encode())]
    for event, body in messages(number):
        while True:
            try:
                producer.produce(
                    address.path, body, event.row_key.encode(), headers=headers, on_delivery=delivered
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(DEADLINE)
    assert sent == number, f"{sent} of {number} messages are confirmed"


def send_by_paho(address: SinkAddress, number: int) -> None:
    """Publish with QoS 1 and as many open messages as the broker takes."""
    (host, port), *_ = address.hosts
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(address.user or "", address.password)
    client.max_inflight_messages_set(0)
    window = threading.Semaphore(0)
    most: Queue[int] = Queue()
    client.on_connect = lambda *arguments: most.put(getattr(arguments[-1], "ReceiveMaximum", WINDOW))
    client.on_publish = lambda *_: window.release()
    client.connect(host, port or 1883)
    client.loop_start()
    size = most.get(timeout=DEADLINE)
    window.release(size)
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = CLOUDEVENTS_JSON
    properties.PayloadFormatIndicator = 1  # as the relay
    for _, body in messages(number):
        assert window.acquire(timeout=DEADLINE)
        client.publish(f"{address.path}/{TABLE}/{KIND}", body, qos=1, properties=properties)
    for _ in range(size):
        assert window.acquire(timeout=DEADLINE)
    client.disconnect()
    client.loop_stop()


def send_by_stomp(address: SinkAddress, number: int) -> None:
    """Send persistent messages; at most a window of them has no receipt."""
    window = threading.Semaphore(WINDOW)

    class Receipts(stomp.ConnectionListener):  # type: ignore[misc]
        def on_receipt(self, _frame: Any) -> None:
            window.release()

    (host, port), *_ = address.hosts
    connection = stomp.Connection12([(host, port)], vhost="/")
    connection.set_listener("", Receipts())
    connection.connect(address.user, address.password, wait=True)
    for event, body in messages(number):
        assert window.acquire(timeout=DEADLINE)
        connection.send(
            address.options["destination"],
            body.decode(),
            content_type=CLOUDEVENTS_JSON,
            headers={
                "receipt": event.event_id,
                "persistent": "true",
                "event-id": event.event_id,
                "table": TABLE,
                "kind": KIND,
            },
        )
    for _ in range(WINDOW):
        assert window.acquire(timeout=DEADLINE)
    connection.disconnect()


def send_by_requests(address: SinkAddress, number: int) -> None:
    """Post one after the other, over one connection."""
    (host, port), *_ = address.hosts
    with requests.Session() as session:
        session.trust_env = False
        for event, body in messages(number):
            headers = {"Content-Type": CLOUDEVENTS_JSON, "webhook-id": event.event_id}
            session.post(f"http://{host}:{port}/", data=body, headers=headers).raise_for_status()


def write_lines(_address: SinkAddress, number: int) -> None:
    with Path(os.devnull).open("wb") as output:
        for _, body in messages(number):
            output.write(body + b"\n")


CLIENTS: dict[str, Callable[[SinkAddress, int], None]] = {
    "amqp": send_by_pika,
    "kafka": send_by_confluent_kafka,
    "mqtt": send_by_paho,
    "stomp": send_by_stomp,
    "http": send_by_requests,
    "stdout": write_lines,
}
