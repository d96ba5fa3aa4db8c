"""Kafka: an idempotent producer that waits for all replicas. A row's events stay in one partition, by its key."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from outbox.address import SinkAddress
from outbox.event import CLOUDEVENTS_JSON, JSON, Event
from outbox.sink import SENT, Outcome, SinkDown, WrongSink

logger = logging.getLogger("splashdown.relay")

PATIENCE = 30.0  # seconds for the confirmations of a batch
CONNECT = 10.0  # seconds for the list of topics
# Errors with which the broker refuses one event for good.
REFUSED = (
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.INVALID_RECORD,
    KafkaError._INVALID_ARG,
    KafkaError.TOPIC_EXCEPTION,
)
Message = tuple[str, bytes, bytes]  # topic, key and value

STRUCTURED_HEADERS = [("content-type", CLOUDEVENTS_JSON.encode())]


class KafkaSink:
    """``kafka://host:port,host:port/topic``

    The topic may have ``{table}``; without a topic it is ``splashdown.{table}``. Options: ``partitions`` and
    ``replicas`` of a topic that is created, ``declare=0`` to create none, ``idempotent=0`` for a broker that
    cannot, ``mode=binary``, ``security`` (ssl,
    sasl_plain, sasl_ssl), ``mechanism``, ``ca`` (a file).
    """

    batch = 5000

    def __init__(self, address: SinkAddress) -> None:
        self.name = address.name
        self.topic = address.path or "splashdown.{table}"
        try:
            self.topic.format(table="")
        except (KeyError, IndexError, ValueError):
            raise WrongSink(f"{self.name}: the topic {self.topic} may have {{table}} only") from None
        self.partitions = address.number("partitions", 6)
        self.replicas = address.number("replicas", -1)  # -1: as the broker has it
        self.declare = address.switch("declare", default=True)
        self.idempotent = address.switch("idempotent", default=True)
        self.binary = address.option("mode", "structured", ("structured", "binary")) == "binary"
        security = address.option(
            "security", "sasl_plain" if address.user else "", ("", "ssl", "sasl_plain", "sasl_ssl")
        )
        servers = ",".join(f"{host}:{port or 9092}" for host, port in address.hosts)
        self.settings: dict[str, Any] = {
            "bootstrap.servers": servers,
            "client.id": "splashdown-relay",
            "log_level": 0,  # its own log goes to the standard error; errors come by callbacks
            "error_cb": self._note,
            "socket.connection.setup.timeout.ms": 10_000,
        }
        if security:
            self.settings["security.protocol"] = {"sasl_plain": "SASL_PLAINTEXT"}.get(
                security, security.upper()
            )
        if address.user:
            self.settings |= {
                "sasl.mechanism": address.option("mechanism", "PLAIN"),
                "sasl.username": address.user,
                "sasl.password": address.password or "",
            }
        if ca := address.certificates():
            self.settings["ssl.ca.location"] = ca
        self.producer: Producer | None = None
        self.known: set[str] = set()  # topics that are there
        self.error: str | None = None  # the last one of the connection

    def open(self) -> None:
        self.error = None  # of the connection before
        try:
            self.producer = Producer(
                self.settings
                | {
                    "enable.idempotence": self.idempotent,
                    "acks": "all",
                    # Without it, a second request in flight could overtake one that is sent again.
                    **({} if self.idempotent else {"max.in.flight": 1}),
                    "linger.ms": 5,
                    "delivery.timeout.ms": int(PATIENCE * 1000),
                    "compression.type": "lz4",
                    # A call for each confirmed event would take as long as handing it over.
                    "delivery.report.only.error": True,
                }
            )
            # By the producer and not by another client: so it connects now, and not with the first event.
            self.known = set(self.producer.list_topics(timeout=CONNECT).topics)
        except KafkaException as error:
            if self.producer is not None:
                self.producer.poll(0)  # calls _note with the errors of the connection
            raise self._translated(error) from None

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        if self.producer is None:
            raise SinkDown("not connected")
        topics = {table: self.topic_of(table) for table in {event.table_name for event in events}}
        self._create_topics(set(topics.values()) - self.known)
        others: dict[Message | int, Outcome] = {}  # of events that are not sent

        # The producer calls these functions for errors only. A partial() for each event would take longer than to hand
        # over the event, so only the bodies that do not have the event's id have one.
        def note(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                others[message.topic(), message.key(), message.value()] = _outcome_of(error)

        def note_of(id_: int, error: KafkaError | None, _message: Any) -> None:
            if error is not None:
                others[id_] = _outcome_of(error)

        for event in events:
            topic, key, value = message = self._message_of(event, topics)
            on_delivery = partial(note_of, event.id) if self.binary else note
            try:
                # Without the event's time: Kafka deletes a record that is older than the topic's retention, also one
                # that has just come, after a long time without the broker.
                self.producer.produce(
                    topic, value, key, headers=self._headers_of(event), on_delivery=on_delivery
                )
            except BufferError:
                self.producer.flush(PATIENCE)
                others[event.id if self.binary else message] = _outcome_of(KafkaError(KafkaError._QUEUE_FULL))
            except KafkaException as refused:
                others[event.id if self.binary else message] = _outcome_of(refused.args[0])
        until = time.monotonic() + PATIENCE
        while (left := self.producer.flush(1.0)) and time.monotonic() < until:
            pass
        # When none is left, each event is confirmed or has an error.
        outcome = Outcome(failed="no confirmation") if left else SENT
        outcomes = [outcome] * len(events)
        if others:
            outcomes = [
                others.get(event.id if self.binary else self._message_of(event, topics), outcome)
                for event in events
            ]
        if self.error is not None and not any(one.sent for one in outcomes):
            error, self.error = self.error, None
            raise SinkDown(error)
        return outcomes

    def topic_of(self, table: str) -> str:
        """Return the topic of a table: Kafka refuses a name with other characters than these."""
        return self.topic.format(table=re.sub(r"[^A-Za-z0-9._-]", "_", table))

    def close(self) -> None:
        if self.producer is not None:
            # Nobody waits for what is not confirmed: it is sent again.
            self.producer.purge()
            self.producer.flush(1.0)
            self.producer = None

    def _message_of(self, event: Event, topics: Mapping[str, str]) -> Message:
        """Return the topic, the key and the value for an event."""
        value = event.body if self.binary else event.structured
        return topics[event.table_name], event.row_key.encode(), value

    def _headers_of(self, event: Event) -> Any:
        if not self.binary:
            return STRUCTURED_HEADERS
        return [
            ("content-type", JSON.encode()),
            *(
                (f"ce_{name}", value.encode())
                for name, value in event.attributes.items()
                if name != "datacontenttype"
            ),
        ]

    def _create_topics(self, missing: set[str]) -> None:
        if not missing:
            return
        if not self.declare:
            admin = AdminClient(self.settings)
            self.known |= set(admin.list_topics(timeout=CONNECT).topics)
            if still := sorted(missing - self.known):
                raise WrongSink(
                    f"{self.name}: there is no topic {', '.join(still)}, and declare=0 creates none"
                )
            return
        admin = AdminClient(self.settings)
        made = admin.create_topics(
            [
                NewTopic(name, num_partitions=self.partitions, replication_factor=self.replicas)
                for name in missing
            ],
            request_timeout=CONNECT,
        )
        for name, future in made.items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise self._translated(error, f"the topic {name} cannot be created: ") from None
            self.known.add(name)

    def _note(self, error: KafkaError) -> None:
        if self.error is None or error.code() != KafkaError._ALL_BROKERS_DOWN:  # that has no cause
            self.error = error.str()

    def _translated(self, error: KafkaException, before: str = "") -> Exception:
        cause = error.args[0]
        text = f"{before}{self.error or cause.str()}"
        if "PLAINTEXT" in text and "ssl" in self.settings.get("security.protocol", "").lower():
            text += "; without TLS the address has no security=ssl, and sasl_plain in place of sasl_ssl"
        wrong = (
            KafkaError._AUTHENTICATION,
            KafkaError.SASL_AUTHENTICATION_FAILED,
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
            KafkaError.INVALID_REPLICATION_FACTOR,
            KafkaError.INVALID_PARTITIONS,
            KafkaError._INVALID_ARG,
        )
        if cause.code() in wrong:
            return WrongSink(f"{self.name}: {text}")
        return SinkDown(text)


def _outcome_of(error: KafkaError) -> Outcome:
    text = error.str()
    return Outcome(refused=text) if error.code() in REFUSED else Outcome(failed=text)
