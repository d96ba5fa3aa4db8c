"""examples/work_queue.py: workers share the events, and an event of a worker that dies goes to another one."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pika
from pika.exceptions import ChannelClosedByBroker
from sqlalchemy import Engine

from tests.examples.programs import count_events, forget_confirmations, program, send, works, works_by_row
from tests.outbox.events import history, store_changes

QUEUE = "splashdown.work"


def test_workers_share_the_events_and_one_that_is_killed_loses_none(
    rabbitmq: str, engine: Engine, tmp_path: Path
) -> None:
    store_changes(engine, [[1, 2, 3, 4], [1, 2], [1]])
    all_events = count_events(engine)
    file = tmp_path / "work.db"
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq))

    def consumers_and_ready() -> tuple[int, int]:
        with contextlib.suppress(ChannelClosedByBroker), connection.channel() as channel:
            counts = channel.queue_declare(QUEUE, passive=True).method
            return counts.consumer_count, counts.message_count
        return 0, 0  # there is no queue yet

    with (
        program("work_queue.py", rabbitmq, str(file)) as first,
        program("work_queue.py", rabbitmq, str(file)),
    ):
        first.wait_until(lambda: consumers_and_ready() == (2, 0))
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # so both workers wait in the middle of their work
            send(engine, rabbitmq)
            first.wait_until(lambda: consumers_and_ready() == (2, all_events - 2))
            first.kill()
            other.execute("ROLLBACK")
        with program("work_queue.py", rabbitmq, str(file)) as third:
            third.wait_until(lambda: len(works(file)) >= all_events)
            forget_confirmations(engine)
            store_changes(engine, [[5]])
            send(engine, rabbitmq)
            third.wait_until(lambda: "quote/[5]" in works_by_row(file) and consumers_and_ready() == (2, 0))
    connection.close()
    # Two workers do not keep the order of a row.
    assert {row: sorted(work, key=str) for row, work in works_by_row(file).items()} == {
        row: sorted(changes, key=str) for row, changes in history(engine).items()
    }
    assert [redelivered for *_, redelivered in works(file)].count(1) == 1
