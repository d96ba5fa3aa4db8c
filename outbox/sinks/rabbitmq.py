"""RabbitMQ: AMQP 0.9.1 with publisher confirms, in windows.

pika's connection belongs to a thread of its own, which also answers heartbeats while there is nothing to send. The
sink's thread hands a window of events over and waits until the broker has confirmed all of them.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

import pika
from pika.channel import Channel
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)
from pika.spec import Basic, BasicProperties

from outbox.address import SinkAddress
from outbox.event import CLOUDEVENTS_JSON, JSON, Event
from outbox.sink import SENT, Outcome, SinkDown, WrongSink

logging.getLogger("pika").setLevel(
    logging.CRITICAL
)  # it tells of each step; the relay tells of failures, in one line

TYPES = ("topic", "fanout", "direct", "headers")
QUEUE_TYPES = ("quorum", "classic", "stream")
PATIENCE = 30.0  # seconds for a connection, and for the confirmations of a window
# Codes with which the broker refuses one message for good: it is too large, or the user may not publish it.
REFUSED = (403, 406)
PERSISTENT = 2


class RabbitSink:
    """``amqp(s)://user:password@host:port/vhost``

    Options: ``exchange`` (splashdown; empty: the nameless one), ``type`` of the exchange, ``routing_key``
    ({table}.{kind}), ``queue`` with ``queue_type`` and ``binding``, ``declare=0`` to check only, ``unroutable=drop``,
    ``mode=binary``, ``ca`` (a file).
    """

    batch = 2000

    def __init__(self, address: SinkAddress) -> None:
        self.name = address.name
        self.queue = address.option("queue", "")
        self.queue_type = address.option("queue_type", "quorum", QUEUE_TYPES)
        self.exchange = address.option("exchange", "splashdown")
        self.type = address.option("type", "topic", TYPES)
        self.routing_key = address.option("routing_key", "{table}.{kind}" if self.exchange else self.queue)
        self.binding = address.option("binding", "#")
        self.declare = address.switch("declare", default=True)
        self.drop = address.option("unroutable", "keep", ("keep", "drop")) == "drop"
        self.binary = address.option("mode", "structured", ("structured", "binary")) == "binary"
        if not self.exchange and not self.queue:
            raise WrongSink(f"{self.name}: exchange= is the nameless exchange, which needs queue=NAME")
        try:
            self.routing_key.format(table="", kind="", spider="")
        except (KeyError, IndexError, ValueError):
            raise WrongSink(
                f"{self.name}: routing_key={self.routing_key} may have {{table}}, {{kind}} and {{spider}} only"
            ) from None
        self.vhost = unquote(address.path) or "/"
        (host, port), *others = address.hosts
        if others:
            raise WrongSink(f"{self.name}: RabbitMQ takes one host; write a sink for each broker")
        tls = address.scheme == "amqps"
        context = ssl.create_default_context(cafile=address.certificates()) if tls else None
        self.user = address.user or "guest"
        self.parameters = pika.ConnectionParameters(
            host=host,
            port=port or (5671 if tls else 5672),
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.user, address.password or "guest"),
            ssl_options=pika.SSLOptions(context, host) if context else None,
            socket_timeout=10,
            stack_timeout=15,
            blocked_connection_timeout=PATIENCE,  # otherwise a blocked connection cannot be closed
            client_properties={"connection_name": "splashdown"},
        )
        self._link: _Link | None = None

    def open(self) -> None:
        link = _Link(self)
        link.start()
        link.wait_until_ready()
        self._link = link

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        link = self._link
        if link is None:
            raise SinkDown("not connected")
        try:
            return link.send(events)
        except _MessageRefused as refused:
            self.close()
            if len(events) == 1:
                return [Outcome(refused=str(refused))]
            # The broker has closed the channel for one of them: each is sent by itself.
            outcomes: list[Outcome] = []
            for event in events:
                if self._link is None:
                    self.open()
                outcomes += self.send([event])
            return outcomes

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def properties_of(self, event: Event) -> BasicProperties:
        headers = {"table": event.table_name, "kind": event.kind, "spider": event.spider}
        if self.binary:
            # CloudEvents has no binding for AMQP 0.9.1; these are the names of that for AMQP 1.0.
            headers |= {
                f"cloudEvents_{name}": value
                for name, value in event.attributes.items()
                if name != "datacontenttype"
            }
        return BasicProperties(
            content_type=JSON if self.binary else CLOUDEVENTS_JSON,
            content_encoding="utf-8",
            delivery_mode=PERSISTENT,
            message_id=event.event_id,
            timestamp=int(event.at.timestamp()),
            type=event.type,
            app_id="splashdown",
            headers=headers,
        )


class _MessageRefused(Exception):
    """The broker has closed the channel because of a message."""


class _Link(threading.Thread):
    """A connection with its channel, in a thread of its own.

    All methods that begin with "_" run in this thread, as pika demands.
    """

    def __init__(self, sink: RabbitSink) -> None:
        super().__init__(name=f"RabbitMQ {sink.name}", daemon=True)
        self.sink = sink
        self.error: Exception | None = None
        self.blocked: str | None = None  # the broker's reason to read nothing, such as too little memory
        self.ready = threading.Event()  # or an error
        self.settled = threading.Event()  # the window has its outcomes, or there is an error
        self.outcomes: dict[int, Outcome | None] = {}  # of the window, by delivery tag
        self.tags: dict[str, int] = {}  # by message id
        self.unsettled: set[int] = set()
        self.next_tag = 1
        self.connection: Any = None
        self.channel: Channel | None = None

    # --- From the sink's thread -----------------------------------------------------------------------------

    def wait_until_ready(self) -> None:
        if not self.ready.wait(PATIENCE):
            self.close()
            raise SinkDown(f"no answer within {PATIENCE:.0f} s")
        if self.error is not None:
            self.close()
            raise self._translated(self.error)

    def send(self, events: Sequence[Event]) -> list[Outcome]:
        if self.error is not None:
            raise self._translated(self.error)
        self.settled.clear()
        try:
            self.connection.ioloop.add_callback_threadsafe(lambda: self._publish(events))
        except Exception as error:  # the loop has ended
            raise SinkDown(str(error)) from None
        if not self.settled.wait(PATIENCE):
            raise SinkDown(
                f"it is blocked: {self.blocked}"
                if self.blocked
                else f"no confirmation within {PATIENCE:.0f} s"
            )
        if self.error is not None:
            raise self._translated(self.error)
        return [outcome or Outcome(failed="no confirmation") for outcome in self.outcomes.values()]

    def close(self) -> None:
        try:
            self.connection.ioloop.add_callback_threadsafe(self._close)
        except Exception:
            return  # it has ended
        self.join(timeout=5)

    def _translated(self, error: Exception) -> Exception:
        """Return the error that a user can act on."""
        sink, error = self.sink, _innermost(error)
        if isinstance(error, ChannelClosedByBroker):
            if self.outcomes and error.reply_code in REFUSED:
                return _MessageRefused(error.reply_text)
            if error.reply_code == 404:
                return WrongSink(f"{sink.name}: {error.reply_text}; without declare=0 the relay declares it")
            if error.reply_code == 403:
                return WrongSink(
                    f"{sink.name}: {error.reply_text}; give the user {sink.user} the right, or use declare=0"
                )
            return WrongSink(
                f"{sink.name}: {error.reply_text}: delete it, or write what it is (type=, queue_type=)"
            )
        if isinstance(error, ConnectionBlockedTimeout):
            return SinkDown(f"it is blocked: {self.blocked}")
        if isinstance(error, ProbableAuthenticationError):
            return WrongSink(f"{sink.name}: the broker refuses the user {sink.user} with this password")
        if isinstance(error, ProbableAccessDeniedError):
            return WrongSink(
                f"{sink.name}: {error}: the virtual host is {sink.vhost!r} (write / as %2F), and "
                f"the user {sink.user} needs rights in it"
            )
        if isinstance(error, IncompatibleProtocolError):
            # So it looks, too, while a proxy has no broker behind it.
            return SinkDown(
                "the server at this port does not speak AMQP 0.9.1 as asked: is it away behind a proxy? Use amqps:// "
                "for a port with TLS, amqp:// for one without, and RabbitMQ's port of AMQP"
            )
        text = str(error) or type(error).__name__
        if isinstance(error, ssl.SSLError):
            return WrongSink(
                f"{sink.name}: {text}: use amqp:// for a port without TLS, and ca=FILE for an own CA"
            )
        return SinkDown(text)

    # --- In the connection's thread -------------------------------------------------------------------------

    def run(self) -> None:
        try:
            self.connection = pika.SelectConnection(
                self.sink.parameters,
                on_open_callback=self._opened,
                on_open_error_callback=lambda _, error: self._fail(error),
                on_close_callback=lambda _, error: self._fail(error),
            )
            self.connection.ioloop.start()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.error is None:
            self.error = error
        self.ready.set()
        self.settled.set()
        if self.connection is not None:
            self.connection.ioloop.stop()

    def _close(self) -> None:
        if self.connection.is_open:
            self.connection.close()
        elif not self.connection.is_closing:
            self.connection.ioloop.stop()

    def _opened(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        connection.channel(on_open_callback=self._channel_opened)

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        self.blocked = str(frame.method.reason)

    def _on_unblocked(self, *_: Any) -> None:
        self.blocked = None

    def _channel_opened(self, channel: Channel) -> None:
        self.channel = channel
        channel.add_on_close_callback(lambda _, error: self._fail(error))
        channel.add_on_return_callback(self._returned)
        steps = [self._confirm, *self._declarations()]
        self._next_step(steps)

    def _next_step(self, steps: list[Callable[[Callable[[Any], None]], None]]) -> None:
        if not steps:
            self.ready.set()
            return
        step, *later = steps
        step(lambda _: self._next_step(later))

    def _confirm(self, done: Callable[[Any], None]) -> None:
        assert self.channel is not None
        self.channel.confirm_delivery(self._settle, callback=done)

    def _declarations(self) -> list[Callable[[Callable[[Any], None]], None]]:
        """Return the steps that declare the exchange and the queue, or check that they are there."""
        sink, channel = self.sink, self.channel
        assert channel is not None
        steps: list[Callable[[Callable[[Any], None]], None]] = []
        if sink.exchange:
            steps.append(
                lambda done: channel.exchange_declare(
                    sink.exchange,
                    exchange_type=sink.type,
                    durable=True,
                    passive=not sink.declare,
                    callback=done,
                )
            )
        if sink.queue:
            steps.append(
                lambda done: channel.queue_declare(
                    sink.queue,
                    durable=True,
                    passive=not sink.declare,
                    arguments={"x-queue-type": sink.queue_type},
                    callback=done,
                )
            )
        if sink.queue and sink.exchange and sink.declare:
            steps.append(
                lambda done: channel.queue_bind(sink.queue, sink.exchange, sink.binding, callback=done)
            )
        return steps

    def _publish(self, events: Sequence[Event]) -> None:
        first = self.next_tag
        self.next_tag += len(events)
        self.outcomes = dict.fromkeys(range(first, self.next_tag))
        self.unsettled = set(self.outcomes)
        self.tags = {event.event_id: first + position for position, event in enumerate(events)}
        sink, channel = self.sink, self.channel
        assert channel is not None
        try:
            for event in events:
                key = sink.routing_key.format(table=event.table_name, kind=event.kind, spider=event.spider)
                body = event.body if sink.binary else event.structured
                channel.basic_publish(sink.exchange, key, body, sink.properties_of(event), mandatory=True)
        except Exception as error:
            self._fail(error)

    def _returned(self, _channel: Channel, _method: Any, properties: BasicProperties, _body: bytes) -> None:
        """Note an event that no queue takes. The broker confirms it afterwards."""
        tag = self.tags.get(properties.message_id)
        if tag is not None and not self.sink.drop:
            self.outcomes[tag] = Outcome(
                refused=f"no queue takes it: bind a queue to the exchange {self.sink.exchange!r}, "
                "or write unroutable=drop"
            )

    def _settle(self, frame: Any) -> None:
        method = frame.method
        tags = (
            {tag for tag in self.unsettled if tag <= method.delivery_tag}
            if method.multiple
            else {method.delivery_tag}
        )
        outcome = (
            SENT if isinstance(method, Basic.Ack) else Outcome(failed="the broker did not accept it (nack)")
        )
        for tag in tags & self.unsettled:
            self.outcomes[tag] = self.outcomes[tag] or outcome
        self.unsettled -= tags
        if not self.unsettled:
            self.settled.set()


def _innermost(error: Any) -> Exception:
    """Return the error of the broker or the socket that pika has put into its own error."""
    inner = error.args[0] if isinstance(error, AMQPConnectionError) and error.args else None
    if isinstance(inner, Exception):
        return _innermost(inner)
    for attribute in ("exceptions", "exception"):
        inner = getattr(error, attribute, None)
        if inner:
            return _innermost(inner[-1] if isinstance(inner, Sequence) else inner)
    return error  # type: ignore[no-any-return]
