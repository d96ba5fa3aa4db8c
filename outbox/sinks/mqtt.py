"""MQTT 5 with QoS 1: the broker acknowledges each event."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from outbox.address import SinkAddress
from outbox.event import CLOUDEVENTS_JSON, JSON, Event
from outbox.sink import SENT, Outcome, SinkDown, WrongSink

PATIENCE = 20.0  # seconds for a connection, and for the acknowledgements of a batch
LOOK = 0.5  # seconds between two looks at the connection while nothing comes
NO_SUBSCRIBERS = 16
NO_ANSWER = Outcome(failed="no acknowledgement: the connection is lost or the broker does not answer")
MOST_OPEN = 65_535  # packets without an acknowledgement, if the broker says nothing
HEADERS = 5 + 2 + 2  # bytes of a packet beside topic, properties and body, at most
REFUSED_CONNECTIONS = (128, 129, 132, 133, 134, 135, 140)  # bad user name or password, not authorized, ...


class MqttSink:
    """``mqtt(s)://user:password@host:port/prefix``

    The topic is ``prefix/book/changed``; the prefix is ``splashdown`` by default. Options: ``retain=1`` keeps the last
    state of each row at ``prefix/book/row/KEY``, ``mode=binary``, ``ca`` (a file).
    """

    batch = 4000  # after each batch the broker has nothing to do

    def __init__(self, address: SinkAddress) -> None:
        self.name = address.name
        self.prefix = unquote(address.path) or "splashdown"
        self.retain = address.switch("retain", default=False)
        self.binary = address.option("mode", "structured", ("structured", "binary")) == "binary"
        if any(one in self.prefix for one in "+#"):
            raise WrongSink(f"{self.name}: a topic has no + and no #")
        self.tls = address.scheme == "mqtts"
        self.ca = address.certificates()
        (host, port), *others = address.hosts
        if others:
            raise WrongSink(f"{self.name}: MQTT takes one host; write a sink for each broker")
        self.host, self.port = host, port or (8883 if self.tls else 1883)
        self.user, self.password = address.user, address.password
        self.client: Client | None = None
        self._connected = threading.Event()
        self._code: ReasonCode | None = None
        self._most_open = 0  # packets without an acknowledgement that the broker takes
        self._largest: int | None = None  # bytes of a packet that the broker takes, if it says it
        self._is_lost = False  # the connection
        # Of a call of ``send``:
        self._packets: list[
            tuple[int, Event, str, bool]
        ] = []  # position of the event, event, topic, retained
        self._numbers: list[int] = []  # of the packets; 0: it is not published
        self._next = self._open = 0  # the next packet to publish; how many have no acknowledgement
        self._codes: dict[int, ReasonCode] = {}  # of acknowledgements, by the number of the packet
        self._refused: dict[int, Outcome] = {}  # packets that paho does not publish, by their index
        self._lock = threading.Lock()  # of _next and _open
        self._settled = threading.Event()
        self._properties: Properties | None = None

    def open(self) -> None:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id="",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        if self.tls:
            client.tls_set_context(ssl.create_default_context(cafile=self.ca))
        # paho does not know the limit of the broker; with one of its own it looks at all open packets for each answer.
        client.max_inflight_messages_set(0)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        self._connected.clear()
        self._is_lost = False
        try:
            client.connect(self.host, self.port, keepalive=30)
        except ssl.SSLError as error:
            raise WrongSink(
                f"{self.name}: {error}: use mqtt:// for a port without TLS, and ca=FILE"
            ) from None
        except (OSError, ValueError) as error:
            raise SinkDown(str(error)) from None
        client.loop_start()
        self.client = client
        if not self._connected.wait(PATIENCE) or self._code is None:
            self.close()
            raise SinkDown("the broker does not answer as an MQTT broker")
        if self._code.is_failure:
            code = self._code
            self.close()
            if code.value in REFUSED_CONNECTIONS:
                raise WrongSink(
                    f"{self.name}: the broker refuses the connection: {code}; check user and password"
                )
            raise SinkDown(str(code))

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        self._settled.clear()
        client = self.client
        if client is None or self._is_lost:
            raise SinkDown("the connection is lost")
        packets = [
            (position, event, topic, retained)
            for position, event in enumerate(events)
            for topic, retained in self._topics_of(event)
        ]
        self._codes, self._refused, self._numbers = {}, {}, [0] * len(packets)
        self._packets, self._next, self._open = packets, 0, 0
        self._publish(client)
        answered, until = 0, time.monotonic() + PATIENCE
        while not self._settled.wait(LOOK) and time.monotonic() < until:
            if len(self._codes) > answered:
                answered, until = len(self._codes), time.monotonic() + PATIENCE
        if self._is_lost or not self._settled.is_set():
            self.close()
        outcomes = [SENT] * len(events)
        for index, (position, *_) in enumerate(packets):
            if outcomes[position].sent:
                outcomes[position] = self._outcome_of(index)
        return outcomes

    def close(self) -> None:
        if self.client is not None:
            self.client.disconnect()
            self.client.loop_stop()
            self.client = None

    def _publish(self, client: Client) -> None:
        """Publish packets while the broker takes more.

        The thread of ``send`` publishes the first ones, and paho's thread the others, as acknowledgements come. If the
        two waited for each other at each packet, it would take half as long again.
        """
        while (index := self._take()) is not None:
            _, event, topic, retained = self._packets[index]
            try:
                info = self._publish_one(client, event, topic, retained)
            except ValueError as error:  # too large, or a topic that is none
                self._refused[index] = Outcome(refused=str(error))
                with self._lock:
                    self._open -= 1
                continue
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return  # the connection is lost
            self._numbers[index] = info.mid

    def _publish_one(self, client: Client, event: Event, topic: str, retained: bool) -> MQTTMessageInfo:
        """Hand an event to paho.

        Raises:
            ValueError: the topic or the payload is none of MQTT, or the packet is larger than the broker takes.
        """
        body, properties = event.body if self.binary else event.structured, self._properties_of(event)
        if self._largest is not None:
            packed = properties.pack()  # type: ignore[no-untyped-call]
            size = HEADERS + len(topic.encode()) + len(packed) + len(body)
            if size > self._largest:
                raise ValueError(f"it has {size:,} bytes, and the broker takes {self._largest:,}")
        return client.publish(topic, body, qos=1, retain=retained, properties=properties)

    def _take(self) -> int | None:
        """Return the index of the next packet; None if the broker takes no more, or if there is none."""
        with self._lock:
            if self._next == len(self._packets):
                if not self._open:
                    self._settled.set()
                return None
            if self._open == self._most_open:
                return None
            self._next, self._open = self._next + 1, self._open + 1
            return self._next - 1

    def _outcome_of(self, index: int) -> Outcome:
        code = self._codes.get(self._numbers[index])
        if code is None:
            return self._refused.get(index, NO_ANSWER)
        if not code.is_failure or code.value == NO_SUBSCRIBERS:
            return SENT
        return Outcome(refused=str(code))

    def _topics_of(self, event: Event) -> list[tuple[str, bool]]:
        """Return the topics of an event, each with whether the broker keeps it for later subscribers."""
        topics = [(f"{self.prefix}/{event.table_name}/{event.kind}", False)]
        if self.retain:
            topics.append((f"{self.prefix}/{event.table_name}/row/{quote(event.row_key, safe='')}", True))
        return topics

    def _properties_of(self, event: Event) -> Properties:
        """Return the properties of a packet; in structured mode they are the same for all."""
        if not self.binary and self._properties is not None:
            return self._properties
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = JSON if self.binary else CLOUDEVENTS_JSON
        properties.PayloadFormatIndicator = 1  # UTF-8
        if self.binary:
            properties.UserProperty = [
                (name, value) for name, value in event.attributes.items() if name != "datacontenttype"
            ]
        self._properties = properties
        return properties

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, properties: Any) -> None:
        self._code = code
        # What the broker does not say is its maximum.
        self._most_open = getattr(properties, "ReceiveMaximum", MOST_OPEN)
        self._largest = getattr(properties, "MaximumPacketSize", None)
        self._connected.set()

    def _on_publish(
        self, client: Client, _data: Any, packet: int, code: ReasonCode, _properties: Any
    ) -> None:
        self._codes[packet] = code
        with self._lock:
            self._open -= 1
        self._publish(client)

    def _on_disconnect(self, *_: Any) -> None:
        self._is_lost = True  # paho's is_connected() stays true when the broker has sent a DISCONNECT
        self._connected.set()
        self._settled.set()
