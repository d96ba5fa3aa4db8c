"""A subscriber of MQTT: the broker keeps the events of a subscriber while it is not running.

    pip install paho-mqtt
    python examples/mqtt_subscriber.py mqtt://127.0.0.1 shop
    python examples/mqtt_subscriber.py mqtt://user:password@127.0.0.1:1883 shop "splashdown/book/#"

Start the subscriber once before the relay with BROKER_URL=mqtt://127.0.0.1. The name, here shop, is its client id:
the broker has a session with this name, and stores its events for SESSION seconds. (Mosquitto stores sessions in a
file only with `persistence true`, and drops events above max_queued_messages, by default 1000.) The last argument is
a topic: by default splashdown/#. With retain=1 in BROKER_URL a new subscriber of splashdown/book/row/# gets the last
state of each row.

The subscriber acknowledges an event after its work (QoS 1), and gets the events of a row in their order.

The relay and the broker may send an event again. The subscriber drops an event whose id is among the last 100,000
ids. It has them in memory, so after its start it does not know a repeat of an event from before. If that is a fault,
store the ids as work_queue.py does.
"""

import json
import sys
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SESSION = 7 * 24 * 3600  # seconds
REMEMBERED = 100_000  # ids, about 15 MB


class Subscriber:
    def __init__(self, topic):
        self.topic = topic
        self.seen = {}  # a dict has its keys in the order of their insertion

    def on_connect(self, client, _data, _flags, reason, _properties):
        if reason.is_failure:
            sys.exit(f"the broker refuses the connection: {reason}")
        client.subscribe(self.topic, qos=1)

    def on_subscribe(self, _client, _data, _id, reasons, _properties):
        if reasons[0].is_failure:
            sys.exit(f"the broker refuses the subscription: {reasons[0]}")
        print(f"subscribed to {self.topic}", file=sys.stderr, flush=True)

    def on_message(self, client, _data, message):
        event = json.loads(message.payload)
        if event["id"] not in self.seen:
            print(json.dumps(event), flush=True)  # the work
            self.seen[event["id"]] = None
            if len(self.seen) > REMEMBERED:
                del self.seen[next(iter(self.seen))]
        client.ack(message.mid, message.qos)


def main(url, name, topic="splashdown/#"):
    parts, subscriber = urlsplit(url), Subscriber(topic)
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
    )
    if parts.username:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme == "mqtts":
        client.tls_set()
    client.on_connect, client.on_subscribe = subscriber.on_connect, subscriber.on_subscribe
    client.on_message = subscriber.on_message
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = SESSION
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    client.connect(parts.hostname, port, clean_start=False, properties=session)
    client.loop_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
