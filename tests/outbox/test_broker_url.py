"""BROKER_URL: what is wrong with it, in one line that says what to do."""

from __future__ import annotations

import sys

import pytest

from outbox.sink import WrongSink
from outbox.sinks import CLIENTS, SINKS, make_sink
from tests.outbox.events import address


@pytest.mark.parametrize("url", ["amqp://host/?binding=book.#", "amqp://user:pass#word@host/"])
def test_a_number_sign_is_refused_because_it_would_end_the_address(url: str) -> None:
    with pytest.raises(WrongSink, match="write # as %23") as error:
        address(url)
    assert "pass" not in str(error.value)


@pytest.mark.parametrize("scheme", ["amqp", "kafka", "mqtt", "stomp"])
def test_a_client_that_is_not_installed_is_named_as_pip_names_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = SINKS[scheme]
    client = {"amqp": "pika", "kafka": "confluent_kafka", "mqtt": "paho.mqtt.client", "stomp": "stomp"}[
        scheme
    ]
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, client, None)
    name = client.partition(".")[0]
    with pytest.raises(WrongSink, match=f"run pip install {CLIENTS.get(name, name)}$"):
        make_sink(address(f"{scheme}://host"))
