"""Whole tables as events, and the schemas of events."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jsonschema
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import Book, Order, OutboxEvent, Quote, Review
from models.event_schema import async_api, event_schema
from models.event_snapshot import store_snapshot
from outbox.relay import Relay
from tests.outbox.events import RecordingSink, store_changes
from tests.pipelines.demo_rows import book
from tests.pipelines.runs import Run, page

WEEK = timedelta(days=7)


def once(engine: Engine, **sinks: Any) -> None:
    assert Relay(engine, sinks, keep=WEEK).run(once=True).errors == {}


def test_a_snapshot_goes_to_one_sink_and_is_followed_by_the_changes(engine: Engine) -> None:
    store_changes(engine, [list(range(1, 8))])
    old = RecordingSink()
    once(engine, old=old)
    new = RecordingSink()
    once(engine, old=old, new=new)  # a new sink gets what is kept
    assert list(store_snapshot(engine, Quote, "new")) == [7]
    store_changes(engine, [[3]])
    once(engine, old=old, new=new)
    assert len(old.received) == 8 and len(new.received) == 15
    snapshots = [one for one in new.received if one["data"]["kind"] == "snapshot"]
    assert [one["data"]["key"] for one in snapshots] == [{"quote_id": number} for number in range(1, 8)]
    assert new.received[-1]["data"]["kind"] == "changed" and new.received[-1]["data"]["key"] == {
        "quote_id": 3
    }
    assert snapshots[2]["data"]["row"]["body"] == new.received[-1]["data"]["changed"]["body"][0]


def test_a_snapshot_of_many_rows_has_each_once(engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr("models.event_snapshot.ROWS_AT_ONCE", 3)
    run = Run(engine)
    reviews = [
        {"reviewer": name, "stars": 1, "body": "!", "posted": "2024-05-03"} for name in ("ann", "bob", "cy")
    ]
    run.commit(page(*((Book, book(f"B{number}", reviews=reviews)) for number in range(3))))
    assert list(store_snapshot(engine, Review))[-1] == 9  # a key of two columns
    with Session(engine) as session:
        assert len(set(session.scalars(select(OutboxEvent.row_key)))) == 9


def test_every_event_fits_the_schema_of_its_table(engine: Engine) -> None:
    run = Run(engine, outbox=True)
    run.commit(page((Book, book())))
    run.commit(page((Book, book(price="9.99"))))
    run.finish()
    list(store_snapshot(engine, Book))
    with Session(engine) as session:
        events = [json.loads(one.envelope) for one in session.scalars(select(OutboxEvent))]
    assert {one["data"]["kind"] for one in events} == {"created", "changed", "snapshot"}
    for one in events:
        model = {"book": Book, "review": Review}[one["data"]["table"]]
        jsonschema.validate(one, event_schema(model), cls=jsonschema.Draft202012Validator)


def test_the_schemas_are_json_schemas_and_refuse_other_events() -> None:
    for model in (Book, Review, Quote, Order):
        jsonschema.Draft202012Validator.check_schema(event_schema(model))
    schema = event_schema(Order)["properties"]["data"]["properties"]["row"]
    assert schema["properties"]["status"]["enum"] == ["pending", "paid", "shipped", "returned"]
    document = async_api([Book, Order], "1.0")
    assert document["asyncapi"] == "3.0.0" and set(document["channels"]) == {"book", "shop_order"}
    tables = ["shop.product", "shop_product", "Preis/Liste 1"]
    models: list[Any] = [
        type("Other", (), {"__tablename__": name, "fields": Order.fields, "key": Order.key})
        for name in tables
    ]
    document = async_api(models, "1.0")
    channels = document["channels"]
    assert {name: one["address"] for name, one in channels.items()} == {
        "shop_product": "shop.product.{kind}",
        "shop_product_2": "shop_product.{kind}",
        "Preis_Liste_1": "Preis/Liste 1.{kind}",
    }
    assert document["components"]["messages"].keys() == channels.keys()
    wrong = {"specversion": "1.0"}
    assert list(jsonschema.Draft202012Validator(event_schema(Book)).iter_errors(wrong))
