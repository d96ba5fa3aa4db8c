"""A reader of a RabbitMQ stream: it reads all events from the beginning, then the new ones.

    pip install pika
    python examples/stream_reader.py amqp://guest:guest@127.0.0.1/

A stream keeps its events after they are read, so a reader can start at any time and read them again. Start the reader
once before the relay with BROKER_URL=amqp://guest:guest@127.0.0.1/, or let the relay declare the stream:
BROKER_URL=amqp://guest:guest@127.0.0.1/?queue=splashdown.stream&queue_type=stream

The reader makes the last state of each row in memory, from the beginning of the stream. `scrapy events --snapshot
TABLE` writes the rows of a table into the stream that are older than it. A stream that shall not grow for ever needs
a policy with max-age or max-length-bytes.

A reader of a stream acknowledges events so that the broker sends more; this deletes nothing, and the broker does not
remember the position of an AMQP client. The relay may send an event again. The reader drops an event whose id is in a
set of all ids. The set is complete, because the reader starts at the beginning; it takes about 150 MB for a million
events.
"""

import json
import sys

import pika

EXCHANGE, STREAM = "splashdown", "splashdown.stream"


def main(url):
    rows, seen = {}, set()
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    channel.queue_declare(STREAM, durable=True, arguments={"x-queue-type": "stream"})
    channel.queue_bind(STREAM, EXCHANGE, "#")
    channel.basic_qos(prefetch_count=100)  # a stream demands it
    for delivery, _, body in channel.consume(STREAM, arguments={"x-stream-offset": "first"}):
        event = json.loads(body)
        if event["id"] not in seen:
            seen.add(event["id"])
            if event["data"]["kind"] == "gone":
                rows.pop(event["subject"], None)
            else:
                rows[event["subject"]] = event["data"]["row"]
            print(json.dumps({**event, "rows": len(rows)}), flush=True)
        channel.basic_ack(delivery.delivery_tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
