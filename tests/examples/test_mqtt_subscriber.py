"""examples/mqtt_subscriber.py: all events, also those of the time in which the subscriber was away."""

from __future__ import annotations

from sqlalchemy import Engine

from tests.brokers import unique_name
from tests.examples.programs import program, send, send_with_repeats
from tests.outbox.events import history, store_changes, without_repeats


def test_a_subscriber_that_was_away_gets_what_it_missed(mqtt: str, engine: Engine) -> None:
    prefix, name = unique_name("splashdown"), unique_name("subscriber")
    url, arguments = f"{mqtt}/{prefix}", (mqtt, name, f"{prefix}/#")
    with program("mqtt_subscriber.py", *arguments) as subscriber:
        subscriber.wait_until(lambda: subscriber.errors == [f"subscribed to {prefix}/#"])
        sent = send_with_repeats(engine, url)
        subscriber.wait_until(lambda: len(subscriber.lines) >= sent)
    before = subscriber.events
    assert without_repeats(before) == history(engine) and len(before) == sent
    store_changes(engine, [[1, 4], [1]])
    send(engine, url)
    with program("mqtt_subscriber.py", *arguments) as subscriber:
        subscriber.wait_until(lambda: without_repeats([*before, *subscriber.events]) == history(engine))
    assert len(subscriber.lines) <= 4  # the last one from before comes again, if its acknowledgement was lost
