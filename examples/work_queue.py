"""A work queue on RabbitMQ: several workers share the events, and each event is worked on once.

    pip install pika
    python examples/work_queue.py amqp://guest:guest@127.0.0.1/ work.db

Start as many workers as you need, then the relay with BROKER_URL=amqp://guest:guest@127.0.0.1/. The workers share a
quorum queue and a database; here the database is an SQLite file.

A worker acknowledges an event after the transaction of its work. If the worker dies before, the broker gives the
event to another worker.

The relay and the broker may send an event again. The transaction of the work stores the event's id in the table
`seen`, so a repeat finds its id there, also in another worker, and has no effect. Ids of more than 30 days are
deleted: keep them for longer than the relay may ever be off.

Two workers may work on two events of one row at the same time. If the order matters, declare the queue with the
argument "x-single-active-consumer": True: then one worker works, and the others wait until it dies.
"""

import json
import sqlite3
import sys

import pika

EXCHANGE, QUEUE = "splashdown", "splashdown.work"
TABLES = """
    CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE IF NOT EXISTS work (subject TEXT, kind TEXT, changed TEXT, redelivered INTEGER);
    DELETE FROM seen WHERE at < datetime('now', '-30 days');
"""


def work(database, event, redelivered):
    """Do the work of an event, unless it was done before."""
    with database:  # one transaction
        if not database.execute("INSERT OR IGNORE INTO seen (id) VALUES (?)", [event["id"]]).rowcount:
            return  # a repeat
        data = event["data"]
        database.execute(
            "INSERT INTO work VALUES (?, ?, ?, ?)",
            [event["subject"], data["kind"], json.dumps(data["changed"]), redelivered],
        )


def main(url, file):
    database = sqlite3.connect(file, timeout=60)
    database.executescript(TABLES)
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(QUEUE, EXCHANGE, "#")  # "book.*": one table; "*.changed": one kind
    channel.basic_qos(prefetch_count=1)  # a worker that is busy gets no second event
    for delivery, _, body in channel.consume(QUEUE):
        work(database, json.loads(body), delivery.redelivered)
        channel.basic_ack(delivery.delivery_tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
