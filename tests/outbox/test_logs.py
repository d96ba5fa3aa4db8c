"""The log of the relay has its own lines only: clients tell of each step, and of a failure in many lines."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit, urlunsplit

import pytest

from outbox.sink import SinkDown, WrongSink
from outbox.sinks import make_sink
from tests.outbox.events import address


def with_login(url: str, login: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))


@pytest.mark.parametrize("broker", ["rabbitmq", "stomp", "mqtt", "kafka"])
def test_a_client_writes_nothing_into_the_log(
    broker: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    url = request.getfixturevalue(broker)
    with caplog.at_level(logging.INFO):
        good = make_sink(address(url))
        good.open()
        good.close()
        if broker != "kafka":  # that broker has no users, and its client tries a closed port for 10 s
            for bad in (with_login(url, "nobody:wrong"), f"{urlsplit(url).scheme}://127.0.0.1:9"):
                with pytest.raises((WrongSink, SinkDown)):
                    make_sink(address(bad)).open()
    assert [record.name for record in caplog.records if record.name != "splashdown.relay"] == []
