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
NO_SUBSCRIBERS = 16
REFUSED_CONNECTIONS = (128, 129, 132, 133, 134, 135, 140)  # bad user name or password, not authorized, ...


class MqttSink:
    """``mqtt(s)://user:password@host:port/prefix``

    The topic is ``prefix/book/changed``; the prefix is ``splashdown`` by default. Options: ``retain=1`` keeps the last
    state of each row at ``prefix/book/row/KEY``, ``mode=binary``, ``ca`` (a file).
    """

    batch = 200

    def __init__(self, address: SinkAddress) -> None:
        self.name = address.name
        self.prefix = unquote(address.path) or "splashdown"
        self.retain = address.switch("retain", default=False)
        self.binary = address.option("mode", "structured", ("structured", "binary")) == "binary"
        if any(one in self.prefix for one in "+#"):
            raise WrongSink(f"{self.name}: a topic has no + and no #")
        self.tls = address.scheme == "mqtts"
        self.ca = address.option("ca", "") or None
        (host, port), *others = address.hosts
        if others:
            raise WrongSink(f"{self.name}: MQTT takes one host; write a sink for each broker")
        self.host, self.port = host, port or (8883 if self.tls else 1883)
        self.user, self.password = address.user, address.password
        self.client: Client | None = None
        self._connected = threading.Event()
        self._code: ReasonCode | None = None
        self._codes: dict[int, ReasonCode] = {}  # of acknowledgements, by packet

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
        client.max_inflight_messages_set(2 * self.batch)  # with retain=1 an event is two messages
        client.max_queued_messages_set(2 * self.batch)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        self._connected.clear()
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
        client = self.client
        if client is None or not client.is_connected():
            raise SinkDown("the connection is lost")
        self._codes.clear()
        sent: list[tuple[int, MQTTMessageInfo]] = []
        outcomes: list[Outcome] = [Outcome(failed="no acknowledgement")] * len(events)
        for position, event in enumerate(events):
            try:
                for topic, retained in self._topics_of(event):
                    info = client.publish(
                        topic,
                        event.body if self.binary else event.structured,
                        qos=1,
                        retain=retained,
                        properties=self._properties_of(event),
                    )
                    if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                        raise SinkDown(f"the connection is lost: {info.rc.name}")
                    sent.append((position, info))
            except ValueError as error:  # too large for MQTT, or a topic that is none
                outcomes[position] = Outcome(refused=str(error))
        by_position: dict[int, list[Outcome]] = {}
        until = time.monotonic() + PATIENCE
        for position, info in sent:
            by_position.setdefault(position, []).append(self._outcome_of(client, info, until))
        for position, some in by_position.items():
            outcomes[position] = next((one for one in some if not one.sent), SENT)
        return outcomes

    def close(self) -> None:
        if self.client is not None:
            self.client.disconnect()
            self.client.loop_stop()
            self.client = None

    def _outcome_of(self, client: Client, info: MQTTMessageInfo, until: float) -> Outcome:
        while not info.is_published():
            if not client.is_connected() or time.monotonic() > until:
                return Outcome(
                    failed="no acknowledgement: the connection is lost or the broker does not answer"
                )
            try:
                info.wait_for_publish(0.5)
            except (RuntimeError, ValueError) as error:
                return Outcome(failed=str(error))
        code = self._codes.get(info.mid)
        if code is None or not code.is_failure or code.value == NO_SUBSCRIBERS:
            return SENT
        return Outcome(refused=str(code))

    def _topics_of(self, event: Event) -> list[tuple[str, bool]]:
        """Return the topics of an event, each with whether the broker keeps it for later subscribers."""
        topics = [(f"{self.prefix}/{event.table_name}/{event.kind}", False)]
        if self.retain:
            topics.append((f"{self.prefix}/{event.table_name}/row/{quote(event.row_key, safe='')}", True))
        return topics

    def _properties_of(self, event: Event) -> Properties:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = JSON if self.binary else CLOUDEVENTS_JSON
        properties.PayloadFormatIndicator = 1  # UTF-8
        if self.binary:
            properties.UserProperty = [
                (name, value) for name, value in event.attributes.items() if name != "datacontenttype"
            ]
        return properties

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        self._code = code
        self._connected.set()

    def _on_publish(self, _client: Any, _data: Any, packet: int, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            self._codes[packet] = code
