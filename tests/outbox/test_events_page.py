"""docs/events.md: it names the sinks, options, fields and metrics that exist, and its commands print what it shows."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
from scrapy.settings import Settings
from sqlalchemy.orm import Session

from crawler.commands.events import Command
from models import Book
from models.event_schema import event_schema
from models.relay import newest_events, sink_states
from models.session import make_engine
from outbox.metrics import FILE, write_metrics
from outbox.sinks import SINKS, make_sink
from tests.crawler.book_items import book
from tests.crawls import scrapy
from tests.databases import make_file_with_tables
from tests.doc_pages import DocPage, is_shown
from tests.outbox.events import address
from tests.pipelines.runs import Run, page

PAGE = DocPage("events.md")
# Addresses with which the sinks read all of their options.
ADDRESSES = (
    "amqp://host",
    "amqps://host",
    "kafka://user@host",
    "mqtt://host",
    "stomp://host",
    "https://host",
    "stdout:",
)


def cells(pattern: str) -> set[Any]:
    """Return the group or the groups of the lines of tables that a pattern matches."""
    return set(re.findall(rf"^\| {pattern} \|", PAGE.text, re.MULTILINE))


def store_books(url: str) -> None:
    make_file_with_tables(url)
    engine = make_engine(url)
    run = Run(engine, spider="books", outbox=True)
    for sku, price in (("B1", "51.77"), ("B2", "9.99"), ("B1", "49.99")):
        run.commit(page((Book, {**book(sku), "reviews": [], "price": price})))
    run.finish()
    engine.dispose()


def test_the_page_has_every_option_that_a_sink_reads_and_no_other() -> None:
    read = set()
    for one in map(address, ADDRESSES):
        make_sink(one)
        read |= {(one.scheme.replace("amqps", "amqp"), option) for option in one.read - {"name"}}
    assert cells(r"`(\w+)` \| `(\w+)`") == read
    assert "the option `name`" in PAGE.text


def test_the_page_has_the_address_of_every_sink() -> None:
    section = PAGE.text.partition("\n| address | sink |\n")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+):", section)) == set(SINKS)


def test_the_page_has_every_option_of_scrapy_events_and_no_other() -> None:
    command, own, others = Command(), argparse.ArgumentParser(), argparse.ArgumentParser()
    command.settings = Settings()
    command.add_options(own)
    super(Command, command).add_options(others)
    options = own._option_string_actions.keys() - others._option_string_actions.keys()
    section = PAGE.text.partition("\n## What does `scrapy events` show?\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"--[a-z]+", section)) == options


def test_the_event_of_the_page_has_the_fields_of_an_event(tmp_path: Path) -> None:
    store_books(url := f"sqlite:///{tmp_path / 'books.db'}")
    engine = make_engine(url)
    with Session(engine) as session:
        (event,) = newest_events(session, 1)
    engine.dispose()
    real, shown = (
        json.loads(event.envelope),
        json.loads(PAGE.text.partition("```json\n")[2].partition("```")[0]),
    )
    jsonschema.validate(shown, event_schema(Book), format_checker=jsonschema.FormatChecker())
    jsonschema.validate(real, event_schema(Book))
    assert list(shown) == list(real) and list(shown["data"]) == list(real["data"])
    for name in ("specversion", "source", "type", "subject", "datacontenttype"):
        assert shown[name] == real[name]
    for name in ("table", "key", "kind", "changed"):
        assert shown["data"][name] == real["data"][name]
    assert shown["data"]["row"].keys() <= real["data"]["row"].keys()


def test_the_page_has_every_metric_of_the_relay(tmp_path: Path) -> None:
    write_metrics(tmp_path, [])
    names = re.findall(r"^# TYPE (\w+)", (tmp_path / FILE).read_text(), re.MULTILINE)
    assert cells(r"`(splashdown_\w+)`") == set(names)


def test_the_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    store_books(url := f"sqlite:///{tmp_path / 'books.db'}")
    sent = scrapy("relay", "--once", DATABASE_URL=url, BROKER_URL="stdout:")
    assert sent.returncode == 0, sent.stderr
    kinds = [json.loads(line)["data"]["kind"] for line in sent.stdout.splitlines()]
    assert kinds == ["created", "created", "changed"]
    (block,) = PAGE.below("What does `scrapy events` show?")
    for command, shown in block.steps:
        done = scrapy(*command.split()[1:], DATABASE_URL=url)
        assert is_shown(done.stdout, shown), f"{command}\n{done.stdout}{done.stderr}"
    engine = make_engine(url)
    with Session(engine) as session:
        assert [state.unsent for state in sink_states(session)] == [2]  # the snapshot
    engine.dispose()
