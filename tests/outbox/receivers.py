"""Receivers: a reader for each kind of sink, which returns the envelopes that came. They use the clients directly."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import urlsplit

import pika
import stomp
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from paho.mqtt import client as mqtt_client

from tests.brokers import unique_name

DEADLINE = 30.0  # seconds


class Receiver(Protocol):
    """What a sink has received: ``url`` is the address of the sink."""

    url: str

    def receive(self, number: int) -> list[dict[str, Any]]:
        """Return the envelopes in the order in which they came, until so many different ones have come."""


class Found:
    """What has come so far. Events of binary mode have no id, and count each."""

    def __init__(self, number: int) -> None:
        self.number, self.envelopes, self._ids = number, list[dict[str, Any]](), set[object]()

    def add(self, body: bytes | str) -> bool:
        """Note an event; return whether so many different ones have come."""
        envelope = json.loads(body)
        self._ids.add(envelope.get("id", len(self.envelopes)))
        self.envelopes.append(envelope)
        return len(self._ids) >= self.number


class RabbitReceiver:
    def __init__(self, broker: str, options: str = "") -> None:
        self.broker, self.queue = broker, unique_name("queue")
        self.exchange = unique_name("exchange")
        self.url = f"{broker}?exchange={self.exchange}&queue={self.queue}{options}"

    def receive(self, number: int) -> list[dict[str, Any]]:
        found = Found(number)
        with pika.BlockingConnection(pika.URLParameters(self.broker)) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=100)
            for method, _, body in channel.consume(self.queue, inactivity_timeout=DEADLINE):
                assert method is not None, f"only {len(found.envelopes)} came, for {number}"
                channel.basic_ack(method.delivery_tag)
                if found.add(body):
                    break
            channel.cancel()
        return found.envelopes


class KafkaReceiver:
    def __init__(self, broker: str, options: str = "") -> None:
        self.broker, self.topic = broker, unique_name("topic")
        self.url = f"{broker}/{self.topic}?partitions=3{options}"

    def receive(self, number: int) -> list[dict[str, Any]]:
        consumer = Consumer(
            {
                "bootstrap.servers": urlsplit(self.broker).netloc,
                "group.id": unique_name("group"),
                "enable.auto.commit": False,
            }
        )
        # The partitions are assigned here: the examples of consumers test groups.
        consumer.assign([TopicPartition(self.topic, one, OFFSET_BEGINNING) for one in range(3)])
        found, is_over = Found(number), False
        until = time.monotonic() + DEADLINE
        while not is_over:
            assert time.monotonic() < until, f"only {len(found.envelopes)} came, for {number}"
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                is_over = found.add(message.value() or b"{}")
        consumer.close()
        return found.envelopes


class _Queued:
    """A receiver whose client puts the bodies into a queue."""

    def __init__(self) -> None:
        self.bodies: queue.Queue[bytes] = queue.Queue()

    def receive(self, number: int) -> list[dict[str, Any]]:
        found = Found(number)
        while not found.add(self.bodies.get(timeout=DEADLINE)):
            pass
        return found.envelopes


class MqttReceiver(_Queued):
    def __init__(self, broker: str, options: str = "") -> None:
        super().__init__()
        parts, prefix = urlsplit(broker), unique_name("splashdown")
        self.url = f"{broker}/{prefix}{options and '?' + options.removeprefix('&')}"
        self.client = mqtt_client.Client(mqtt_client.CallbackAPIVersion.VERSION2, protocol=mqtt_client.MQTTv5)
        self.client.username_pw_set(parts.username, parts.password)
        subscribed = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe(f"{prefix}/#", qos=1)
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.on_message = lambda _client, _data, message: self.bodies.put(message.payload)
        self.client.connect(parts.hostname or "", parts.port or 0)
        self.client.loop_start()
        assert subscribed.wait(DEADLINE)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class StompReceiver(_Queued):
    def __init__(self, broker: str, options: str = "") -> None:
        super().__init__()
        # RabbitMQ makes a durable queue for it, so the events wait there until they are read.
        self.broker, self.destination = broker, f"/queue/{unique_name('queue')}"
        self.url = f"{broker}?destination={self.destination}{options}"

    def receive(self, number: int) -> list[dict[str, Any]]:
        parts = urlsplit(self.broker)
        connection = stomp.Connection12(
            [(parts.hostname, parts.port)], vhost=parts.path.removeprefix("/").replace("%2F", "/")
        )
        bodies = self.bodies

        class Listener(stomp.ConnectionListener):  # type: ignore[misc]
            def on_message(self, frame: Any) -> None:
                bodies.put(frame.body)

        connection.set_listener("", Listener())
        connection.connect(parts.username, parts.password, wait=True)
        connection.subscribe(self.destination, id="1", ack="auto")
        try:
            return super().receive(number)
        finally:
            connection.disconnect()


class WebhookReceiver(_Queued):
    """A server that keeps requests; ``answer`` is the status of its answers, ``largest`` the bytes that it takes."""

    def __init__(self, options: str = "") -> None:
        super().__init__()
        self.answer = 204
        self.largest = sys.maxsize
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # the relay was killed
                    self.close_connection = True
                    return
                receiver.headers.append(dict(self.headers))
                answer = receiver.answer if length <= receiver.largest else 413
                if answer < 300:
                    receiver.bodies.put(body)
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a relay that was killed
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?webhook_private=1{options}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def closing(receiver: Any) -> Iterator[Any]:
    try:
        yield receiver
    finally:
        if hasattr(receiver, "close"):
            receiver.close()
