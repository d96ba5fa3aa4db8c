"""BROKER_URL: what is wrong with it, in one line that says what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from outbox.sink import WrongSink
from outbox.sinks import CLIENTS, SINKS, make_sink
from outbox.sinks.kafka import KafkaSink
from tests.outbox.events import address


@pytest.mark.parametrize(
    "url",
    [
        "amqps://host/?ca=",
        "kafka://host/?security=ssl&ca=",
        "mqtts://host/?ca=",
        "stomps://host/?ca=",
        "https://host/?webhook_ca=",
    ],
)
def test_a_file_of_certificates_that_cannot_be_used_is_one_line(url: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for path, why in ((empty, "it has no certificate"), (tmp_path / "missing.pem", "No such file")):
        with pytest.raises(
            WrongSink, match=rf"ca={path}: {why}.*: write the path of a file with certificates"
        ):
            make_sink(address(f"{url}{path}"))


def test_a_topic_of_kafka_has_no_character_that_kafka_refuses() -> None:
    sink = make_sink(address("kafka://host"))
    assert isinstance(sink, KafkaSink)
    assert sink.topic_of("shop.Preis-Liste 2024€") == "splashdown.shop.Preis-Liste_2024_"


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
