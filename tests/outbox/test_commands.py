"""``scrapy relay`` and ``scrapy events``, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scrapy.utils.project import get_project_settings

from crawler.database_command import CommandFailed
from models.session import make_engine
from outbox.command import run_relay
from tests.crawls import scrapy
from tests.databases import make_file_with_tables
from tests.outbox.events import store_changes


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Return the URL of a database with four events."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    make_file_with_tables(url)
    engine = make_engine(url)
    store_changes(engine, [[1, 2, 3], [2]])
    engine.dispose()
    return url


def test_the_events_are_sent_once_and_shown(database: str, tmp_path: Path) -> None:
    env = {"DATABASE_URL": database, "BROKER_URL": "stdout:", "METRICS_FOLDER": str(tmp_path)}
    sent = scrapy("relay", "--once", **env)
    assert sent.returncode == 0, sent.stderr
    assert [json.loads(line)["type"] for line in sent.stdout.splitlines()] == [
        *["splashdown.quote.created"] * 3,
        "splashdown.quote.changed",
    ]
    assert 'splashdown_events_unsent{sink="stdout"}' in (tmp_path / "splashdown_relay.prom").read_text()
    shown = scrapy("events", **env).stdout
    assert "stdout: active, sent 4, unsent 0, refused 0" in shown and "quote [2] changed" in shown
    snapshot = scrapy("events", "--snapshot", "quote", "--sink", "stdout", **env)
    assert "3 rows of quote are in the outbox, for stdout" in snapshot.stdout
    again = scrapy("relay", "--once", **env)
    assert [json.loads(line)["data"]["kind"] for line in again.stdout.splitlines()] == ["snapshot"] * 3


@pytest.mark.parametrize(
    ("broker", "message"),
    [
        ("", "BROKER_URL is empty: write the address of a sink"),
        ("redis://127.0.0.1/", "which is no sink; there are amqp"),
        ("stdout: stdout:", "two sinks with the name stdout"),
        ("https://user:hidden@127.0.0.1/x", "is no public address"),
        ("amqp://user:hidden@127.0.0.1:x/", "cannot be read"),
    ],
)
def test_a_wrong_broker_url_is_one_line(database: str, broker: str, message: str) -> None:
    settings = get_project_settings()
    settings.update({"DATABASE_URL": database, "BROKER_URL": broker}, priority="cmdline")
    with pytest.raises(CommandFailed) as refused:
        run_relay(settings, once=True)
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_sink_that_is_down_is_named_and_ends_a_relay_with_2(database: str) -> None:
    ended = scrapy(
        "relay", "--once", DATABASE_URL=database, BROKER_URL="amqp://a:hidden@127.0.0.1:9/ stdout:"
    )
    assert ended.returncode == 2 and len(ended.stdout.splitlines()) == 4
    assert "amqp://127.0.0.1:9 did not get all events: " in ended.stderr and "hidden" not in ended.stderr
    assert "amqp://127.0.0.1:9: active, sent 0, unsent 4" in scrapy("events", DATABASE_URL=database).stdout


def test_wrong_words_of_events_are_one_line(database: str) -> None:
    for words, message in {
        ("schema",): "write `schema TABLE` or `asyncapi`",
        ("schema", "books"): "there is no table 'books'; there are book",
        ("--snapshot", "books"): "there is no table 'books'",
        ("--snapshot", "quote", "--sink", "x"): "no relay ever had a sink 'x'",
    }.items():
        refused = scrapy("events", *words, DATABASE_URL=database)
        assert refused.returncode == 1, words
        assert message in refused.stderr and "Traceback" not in refused.stderr
