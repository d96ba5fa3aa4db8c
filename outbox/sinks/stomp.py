"""STOMP 1.2: each event asks for a receipt."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import stomp
from stomp.exception import StompException

from outbox.address import SinkAddress
from outbox.event import CLOUDEVENTS_JSON, JSON, Event
from outbox.sink import SENT, Outcome, SinkDown, WrongSink

logging.getLogger("stomp.py").setLevel(logging.CRITICAL)  # the relay tells of failures, in one line

PATIENCE = 20.0  # seconds for a connection, and for the receipts of a batch
GOODBYE = 2.0  # seconds for the answer to the end of a connection, which a blocked broker does not give


class StompSink:
    """``stomp(s)://user:password@host:port/vhost``

    Options: ``destination`` (/topic/{table}.{kind}; RabbitMQ: /exchange/NAME/KEY, /queue/NAME), ``mode=binary``, ``ca``
    (a file). The virtual host is ``/`` by default.
    """

    batch = 1000

    def __init__(self, address: SinkAddress) -> None:
        self.name = address.name
        self.vhost = unquote(address.path) or "/"
        self.destination = address.option("destination", "/topic/{table}.{kind}")
        self.binary = address.option("mode", "structured", ("structured", "binary")) == "binary"
        try:
            self.destination.format(table="", kind="", spider="")
        except (KeyError, IndexError, ValueError):
            raise WrongSink(
                f"{self.name}: destination={self.destination} may have {{table}}, {{kind}} and {{spider}} only"
            ) from None
        self.tls = address.scheme == "stomps"
        self.ca = address.certificates()
        self.hosts = [(host, port or (61614 if self.tls else 61613)) for host, port in address.hosts]
        self.user, self.password = address.user or "guest", address.password or "guest"
        self.connection: Any = None
        self.listener = _Receipts()

    def open(self) -> None:
        self.listener = _Receipts()
        connection = stomp.Connection12(
            self.hosts, reconnect_attempts_max=1, heartbeats=(10_000, 10_000), vhost=self.vhost, timeout=10
        )
        if self.tls:
            connection.set_ssl(self.hosts, ca_certs=self.ca)
        connection.set_listener("", self.listener)
        self.connection = connection
        try:
            connection.connect(self.user, self.password, wait=False)
        except (StompException, OSError) as error:
            self.close()
            raise SinkDown(str(error) or "cannot connect") from None
        if not self.listener.answered.wait(PATIENCE):
            self.close()
            raise SinkDown("the server does not answer as a STOMP broker")
        if self.listener.error is not None or not self.listener.connected:
            error_text = self.listener.error
            self.close()
            if error_text:
                raise WrongSink(
                    f"{self.name}: the broker refuses the connection: {error_text}; check user, "
                    f"password and virtual host ({self.vhost!r})"
                )
            raise SinkDown("the connection was closed: is this a port of STOMP, and without TLS?")

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        connection, listener = self.connection, self.listener
        if connection is None or listener.lost.is_set():
            raise SinkDown("the connection is lost")
        listener.expect({event.event_id for event in events})
        try:
            for event in events:
                headers = {
                    "receipt": event.event_id,
                    "persistent": "true",
                    "event-id": event.event_id,  # a SEND has no message-id
                    "table": event.table_name,
                    "kind": event.kind,
                }
                if self.binary:
                    headers |= {f"ce_{name}": value for name, value in event.attributes.items()}
                destination = self.destination.format(
                    table=event.table_name, kind=event.kind, spider=event.spider
                )
                body = event.body if self.binary else event.structured
                connection.send(
                    destination,
                    body.decode(),
                    content_type=JSON if self.binary else CLOUDEVENTS_JSON,
                    headers=headers,
                )
        except (StompException, OSError):
            listener.lost.wait(GOODBYE)  # the reason may be on its way
        else:
            listener.settled.wait(PATIENCE)
        left = listener.waiting()
        if left and len(events) > 1 and (listener.error is not None or listener.lost.is_set()):
            # The broker may have closed the connection for one of them: each is sent by itself. Its reason gets lost
            # if it closes while later events are sent.
            confirmed = {event.event_id for event in events} - left
            outcomes: list[Outcome] = []
            for event in events:
                if event.event_id in confirmed:
                    outcomes.append(SENT)
                    continue
                if self.listener.error is not None or self.listener.lost.is_set():
                    self.close()
                    self.open()
                outcomes += self.send([event])
            return outcomes
        if listener.error is not None and left:
            error_text = listener.error
            self.close()
            return [Outcome(refused=error_text)]
        return [
            Outcome(failed="no receipt: the connection is lost or the broker does not answer")
            if event.event_id in left
            else SENT
            for event in events
        ]

    def close(self) -> None:
        if self.connection is not None:
            with contextlib.suppress(Exception):  # it is lost
                self.connection.disconnect()
                self.listener.lost.wait(GOODBYE)
            self.connection.transport.disconnect_socket()
            self.connection = None


class _Receipts(stomp.ConnectionListener):  # type: ignore[misc]
    """Collects the broker's receipts and errors."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.settled = threading.Event()
        self.lost = threading.Event()
        self.connected = False
        self.error: str | None = None
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    def expect(self, receipts: set[str]) -> None:
        with self._lock:
            self.error = None
            self._waiting = receipts
            self.settled.clear()

    def waiting(self) -> set[str]:
        with self._lock:
            return set(self._waiting)

    def on_connected(self, _frame: Any) -> None:
        self.connected = True
        self.answered.set()

    def on_receipt(self, frame: Any) -> None:
        with self._lock:
            self._waiting.discard(frame.headers["receipt-id"])
            if not self._waiting:
                self.settled.set()

    def on_error(self, frame: Any) -> None:
        lines = [frame.headers.get("message", ""), *str(frame.body or "").splitlines()]
        self.error = " ".join(line.strip() for line in lines if line.strip())[:500]
        self.answered.set()
        self.settled.set()

    def on_disconnected(self) -> None:
        self.lost.set()
        self.answered.set()
        self.settled.set()
