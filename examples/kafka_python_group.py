"""A consumer group on Kafka with kafka-python: the members share the partitions.

    pip install "kafka-python[lz4]"
    python examples/kafka_python_group.py 127.0.0.1:9092 splashdown.book prices prices.db

The arguments are the brokers, the topic, the group and the database, here an SQLite file. The relay has
BROKER_URL=kafka://127.0.0.1:9092 and compresses with LZ4. Start as many members as you need, but not more than the
topic has partitions.

A row's events are in one partition, so one member gets them, in their order. A member commits its offsets after the
transactions of its work. If it dies before, or if its work fails, another member gets the events again.

So an event may come again, also because the relay may send it twice. The transaction of the work stores the event's
id in the table `seen`: a repeat finds its id there, also in another member, and has no effect. Ids of more than 30
days are deleted: keep them for longer than the relay or the group may ever be off.
"""

import json
import signal
import sqlite3
import sys

from kafka import KafkaConsumer

TABLES = """
    CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE IF NOT EXISTS work (subject TEXT, kind TEXT, changed TEXT);
    DELETE FROM seen WHERE at < datetime('now', '-30 days');
"""


def work(database, event):
    """Do the work of an event, unless it was done before."""
    with database:  # one transaction
        if not database.execute("INSERT OR IGNORE INTO seen (id) VALUES (?)", [event["id"]]).rowcount:
            return  # a repeat
        data = event["data"]
        database.execute(
            "INSERT INTO work VALUES (?, ?, ?)",
            [event["subject"], data["kind"], json.dumps(data["changed"])],
        )


def main(brokers, topic, group, file):
    database = sqlite3.connect(file, timeout=60)
    database.executescript(TABLES)
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=brokers.split(","),
        group_id=group,
        enable_auto_commit=False,  # it would commit before the work
        auto_offset_reset="earliest",  # a new group gets all events that the topic has
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            by_partition = consumer.poll(timeout_ms=500, max_records=100)
            for messages in by_partition.values():
                for message in messages:
                    work(database, json.loads(message.value))
            if by_partition:
                consumer.commit()
    finally:
        consumer.close()  # leave the group, so that the others need not wait


if __name__ == "__main__":
    main(*sys.argv[1:])
