"""Check whether a broker works: the exit code is 0, or the reason is one line.

broker_check.py URL    amqp://, mqtt:// or kafka://
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

TIMEOUT = 5  # seconds


def amqp(url: str) -> None:
    import pika  # noqa: PLC0415 - of the clients, only the one that the URL needs

    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = TIMEOUT
    pika.BlockingConnection(parameters).close()


def mqtt(url: str) -> None:
    from paho.mqtt import client, publish  # noqa: PLC0415

    parts = urlsplit(url)
    login: publish.AuthParameter | None = None
    if parts.username:
        login = {"username": parts.username, "password": parts.password or ""}
    publish.single(
        "splashdown/check",
        qos=1,
        hostname=parts.hostname or "",
        port=parts.port or 1883,
        auth=login,
        protocol=client.MQTTv5,
    )


def kafka(url: str) -> None:
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    AdminClient({"bootstrap.servers": urlsplit(url).netloc, "log_level": 0}).list_topics(timeout=TIMEOUT)


CHECKS: Mapping[str, Callable[[str], None]] = {"amqp": amqp, "mqtt": mqtt, "kafka": kafka}


def refusal(url: str) -> str:
    """Return why the broker cannot be used, or an empty text."""
    parts = urlsplit(url)
    check = CHECKS.get(parts.scheme)
    if check is None:
        return f"the URL of a broker begins with {', '.join(f'{scheme}://' for scheme in CHECKS)}"
    try:
        # The client of Kafka would wait for the server, and pika would report the failure in several lines.
        socket.create_connection((parts.hostname, parts.port), TIMEOUT).close()
        check(url)
    except Exception as error:  # each client has exceptions of its own
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return ""


if __name__ == "__main__":
    logging.disable()  # pika's
    sys.exit(refusal(sys.argv[1]) or 0)
