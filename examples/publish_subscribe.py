"""Publish and subscribe on RabbitMQ: each subscriber gets all events.

    pip install pika
    python examples/publish_subscribe.py amqp://guest:guest@127.0.0.1/ shop
    python examples/publish_subscribe.py amqp://guest:guest@127.0.0.1/ warehouse "book.*"

Start each subscriber once before the relay with BROKER_URL=amqp://guest:guest@127.0.0.1/. A subscriber has a queue of
its own, which keeps its events while the subscriber is not running. Delete the queue of a subscriber that does not
come back. The last argument is a pattern of TABLE.KIND: by default all events.

A subscriber acknowledges an event after its work. One process of a subscriber gets the events of a row in their
order.

The relay and the broker may send an event again. The subscriber drops an event whose id is among the last 100,000
ids. It has them in memory, so after its start it does not know a repeat of an event from before. If that is a fault,
store the ids as work_queue.py does.
"""

import json
import sys

import pika

EXCHANGE = "splashdown"
REMEMBERED = 100_000  # ids, about 15 MB


class Seen:
    """The ids of the last events."""

    def __init__(self):
        self.ids = {}  # a dict has its keys in the order of their insertion

    def __contains__(self, id):
        return id in self.ids

    def add(self, id):
        self.ids[id] = None
        if len(self.ids) > REMEMBERED:
            del self.ids[next(iter(self.ids))]


def main(url, name, pattern="#"):
    queue, seen = f"splashdown.{name}", Seen()
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(queue, EXCHANGE, pattern)
    channel.basic_qos(prefetch_count=100)
    for delivery, _, body in channel.consume(queue):
        event = json.loads(body)
        if event["id"] not in seen:
            print(json.dumps(event), flush=True)  # the work
            seen.add(event["id"])
        channel.basic_ack(delivery.delivery_tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
