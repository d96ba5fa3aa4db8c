"""The sinks: a file for each kind of broker, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from outbox.address import SinkAddress
from outbox.sink import Sink, WrongSink

# The module and class of the sink for each scheme of an address. A module is imported when an address names it.
SINKS: Mapping[str, tuple[str, str]] = {
    "amqp": ("outbox.sinks.rabbitmq", "RabbitSink"),
    "amqps": ("outbox.sinks.rabbitmq", "RabbitSink"),
    "http": ("outbox.sinks.webhook", "WebhookSink"),
    "https": ("outbox.sinks.webhook", "WebhookSink"),
    "kafka": ("outbox.sinks.kafka", "KafkaSink"),
    "mqtt": ("outbox.sinks.mqtt", "MqttSink"),
    "mqtts": ("outbox.sinks.mqtt", "MqttSink"),
    "stdout": ("outbox.sinks.stdout", "StdoutSink"),
    "stomp": ("outbox.sinks.stomp", "StompSink"),
    "stomps": ("outbox.sinks.stomp", "StompSink"),
}

CLIENTS = {
    "confluent_kafka": "confluent-kafka",
    "paho": "paho-mqtt",
    "stomp": "stomp.py",
}  # packages by module


def make_sink(address: SinkAddress) -> Sink:
    """Return the sink for an address. It is not connected yet.

    Raises:
        WrongSink: there is no such sink, its client is not installed, or an option is wrong.
    """
    if address.scheme not in SINKS:
        raise WrongSink(
            f"BROKER_URL has {address.scheme}:, which is no sink; there are {', '.join(sorted(SINKS))}"
        )
    module, name = SINKS[address.scheme]
    try:
        sink: Sink = getattr(import_module(module), name)(address)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        raise WrongSink(
            f"the client for {address.scheme}: is not installed: run pip install {CLIENTS.get(missing, missing)}"
        ) from None
    address.refuse_unread_options()
    return sink
