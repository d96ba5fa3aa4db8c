"""examples/kafka_python_group.py and examples/confluent_group.py: offsets are committed after the work."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from confluent_kafka import Consumer, TopicPartition
from sqlalchemy import Engine

from tests.brokers import unique_name
from tests.examples.programs import program, send_with_repeats, works_by_row
from tests.outbox.events import history

PARTITIONS = 2
FAILING_WORK = """
    CREATE TABLE work (subject TEXT, kind TEXT, changed TEXT);
    CREATE TRIGGER failing BEFORE INSERT ON work WHEN NEW.subject = 'quote/[2]'
    BEGIN SELECT RAISE(ABORT, 'the work fails'); END;
"""


def committed(brokers: str, group: str, topic: str) -> int:
    """Return how many messages of the topic are before the offsets that the group has committed."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "log_level": 0})
    found = consumer.committed([TopicPartition(topic, one) for one in range(PARTITIONS)], timeout=30)
    consumer.close()
    return sum(max(0, one.offset) for one in found)  # a negative number: nothing is committed


@pytest.mark.parametrize("name", ["kafka_python_group.py", "confluent_group.py"])
def test_work_that_fails_is_done_again_and_a_repeat_has_no_effect(
    name: str, kafka: str, engine: Engine, tmp_path: Path
) -> None:
    brokers, topic, group = urlsplit(kafka).netloc, unique_name("topic"), unique_name("group")
    url, file = f"{kafka}/{topic}?partitions={PARTITIONS}", tmp_path / "work.db"
    sent = 2 * send_with_repeats(engine, url) - 3
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.executescript(FAILING_WORK)
    with program(name, brokers, topic, group, str(file)) as failing:
        assert failing.wait() == 1 and "the work fails" in failing.errors[-1]
    assert "[2]" not in works_by_row(file) and committed(brokers, group, topic) == 0
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("DROP TRIGGER failing")
    with program(name, brokers, topic, group, str(file)) as member:
        member.wait_until(lambda: committed(brokers, group, topic) == sent)
        assert member.stop() == 0
    assert works_by_row(file) == history(engine)
