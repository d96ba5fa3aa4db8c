"""A consumer group on Kafka with confluent-kafka: the members share the partitions.

    pip install confluent-kafka
    python examples/confluent_group.py 127.0.0.1:9092 splashdown.book prices prices.db

The arguments are the brokers, the topic, the group and the database, here an SQLite file. The relay has
BROKER_URL=kafka://127.0.0.1:9092. Start as many members as you need, but not more than the topic has partitions.

A row's events are in one partition, so one member gets them, in their order. A member commits its offsets after the
transaction of its work, which has all events of a call of `consume`. If it dies before, or if its work fails, another
member gets these events again.

So an event may come again, also because the relay may send it twice. The transaction of the work stores the event's
id in the table `seen`: a repeat finds its id there, also in another member, and has no effect. Ids of more than 30
days are deleted: keep them for longer than the relay or the group may ever be off.
"""

import json
import signal
import sqlite3
import sys

from confluent_kafka import Consumer, KafkaException

TABLES = """
    CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE IF NOT EXISTS work (subject TEXT, kind TEXT, changed TEXT);
    DELETE FROM seen WHERE at < datetime('now', '-30 days');
"""


def work(database, events):
    """Do the work of the events that were not done before."""
    with database:  # one transaction
        for event in events:
            if not database.execute("INSERT OR IGNORE INTO seen (id) VALUES (?)", [event["id"]]).rowcount:
                continue  # a repeat
            data = event["data"]
            database.execute(
                "INSERT INTO work VALUES (?, ?, ?)",
                [event["subject"], data["kind"], json.dumps(data["changed"])],
            )


def main(brokers, topic, group, file):
    database = sqlite3.connect(file, timeout=60)
    database.executescript(TABLES)
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "enable.auto.commit": False,  # it would commit before the work
            "auto.offset.reset": "earliest",  # a new group gets all events that the topic has
        }
    )
    consumer.subscribe([topic])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            messages = consumer.consume(100, timeout=0.5)
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
            if messages:
                work(database, [json.loads(message.value()) for message in messages])
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()  # leave the group, so that the others need not wait


if __name__ == "__main__":
    main(*sys.argv[1:])
