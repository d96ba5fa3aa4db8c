"""examples/publish_subscribe.py and examples/stream_reader.py: each subscriber and each reader gets all events."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pika
from pika.exceptions import ChannelClosedByBroker
from sqlalchemy import Engine

from tests.examples.programs import count_events, program, send, send_with_repeats
from tests.outbox.events import history, store_changes, without_repeats


def has_consumer(url: str, queue: str) -> Callable[[], bool]:
    """Return a function that says whether a queue has a consumer."""
    connection = pika.BlockingConnection(pika.URLParameters(url))

    def has_one() -> bool:
        with contextlib.suppress(ChannelClosedByBroker), connection.channel() as channel:
            found: int = channel.queue_declare(queue, passive=True).method.consumer_count
            return found > 0
        return False  # there is no queue yet

    return has_one


def test_each_subscriber_gets_all_events_in_the_order_of_their_rows(rabbitmq: str, engine: Engine) -> None:
    with (
        program("publish_subscribe.py", rabbitmq, "shop") as shop,
        program("publish_subscribe.py", rabbitmq, "warehouse", "quote.*") as warehouse,
        program("publish_subscribe.py", rabbitmq, "press", "*.changed") as press,
    ):
        for subscriber, name in ((shop, "shop"), (warehouse, "warehouse"), (press, "press")):
            subscriber.wait_until(has_consumer(rabbitmq, f"splashdown.{name}"))
        sent = send_with_repeats(engine, rabbitmq)
        shop.wait_until(lambda: len(shop.lines) >= sent)
        warehouse.wait_until(lambda: len(warehouse.lines) >= sent)
        press.wait_until(lambda: len(press.lines) >= sent - 3)
        assert without_repeats(shop.events) == without_repeats(warehouse.events) == history(engine)
        assert len(shop.lines) == len(warehouse.lines) == sent
        assert {event["data"]["kind"] for event in press.events} == {"changed"}


def test_a_reader_that_starts_late_reads_the_stream_from_its_beginning(rabbitmq: str, engine: Engine) -> None:
    stream = f"{rabbitmq}?queue=splashdown.stream&queue_type=stream"
    send_with_repeats(engine, stream)
    for new_row in (4, 5):  # reading removes nothing
        with program("stream_reader.py", rabbitmq) as reader:
            reader.wait_until(lambda: without_repeats(reader.events) == history(engine))
            store_changes(engine, [[new_row]])
            send(engine, stream)
            reader.wait_until(lambda: without_repeats(reader.events) == history(engine))
            assert len(reader.lines) == count_events(engine) and reader.events[-1]["rows"] == new_row
