"""A field that an item leaves out is not None: a new row gets the default, a stored row keeps its value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Computed, Engine, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models import OutboxEvent, RejectedItem, Row, RowChange
from models.types import ExactString, UtcDateTime
from pipelines.validate import InvalidItem, UnknownField, validated
from tests.pipelines.own_tables import set_apart, there
from tests.pipelines.runs import Run, page


class Offer(Row):
    """A model with every kind of default. All columns except ``note`` are not nullable."""

    __tablename__ = "test_offer"

    sku: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    shop: Mapped[str] = mapped_column(ExactString(20), primary_key=True, default="main")
    title: Mapped[str] = mapped_column(ExactString(20))
    currency: Mapped[str] = mapped_column(ExactString(3), default="EUR")
    tags: Mapped[str] = mapped_column(ExactString(20), default=lambda: "none")
    slug: Mapped[str] = mapped_column(
        ExactString(40), default=lambda context: context.get_current_parameters()["title"].lower()
    )
    seen: Mapped[datetime] = mapped_column(UtcDateTime, default=func.current_timestamp())
    stock: Mapped[int] = mapped_column(Integer, server_default=text("7"))
    twice: Mapped[int] = mapped_column(Integer, Computed("stock * 2"))
    note: Mapped[str | None] = mapped_column(ExactString(20), default="nothing to say")


set_apart(Offer)


@pytest.fixture
def offers(engine: Engine) -> Iterator[None]:
    with there(engine, Offer):
        yield


def offer(sku: str, **fields: Any) -> tuple[type[Row], dict[str, Any]]:
    return Offer, {"sku": sku, "title": f"Title {sku}"} | fields


FILLED = ("main", "EUR", "none", 7, 14, "nothing to say")


def filled(one: Offer) -> tuple[Any, ...]:
    return one.shop, one.currency, one.tags, one.stock, one.twice, one.note


@pytest.mark.usefixtures("offers")
def test_a_new_row_gets_the_defaults_of_what_its_item_leaves_out(engine: Engine) -> None:
    run = Run(engine, outbox=True)
    many = [offer(f"{n}") for n in range(70)]  # enough for each way of writing many rows
    run.commit(page(*many[:30]), page(*many[30:]), batch_weight=1)
    found = run.all(Offer)
    assert len(found) == 70 and {filled(one) for one in found} == {FILLED}
    assert {one.slug for one in found} == {f"title {n}" for n in range(70)}
    assert all(isinstance(one.seen, datetime) for one in found)
    events = [json.loads(event.envelope)["data"]["row"] for event in run.all(OutboxEvent)]
    assert len(events) == 70 and {(row["currency"], row["stock"]) for row in events} == {("EUR", 7)}
    (again, _) = run.commit(page(*many), page(), batch_weight=1)
    assert again.changes == {"test_offer/unchanged": 70} and len(run.all(RowChange)) == 70


@pytest.mark.usefixtures("offers")
def test_a_stored_row_keeps_what_an_item_leaves_out(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page(offer("a", currency="GBP", tags="new", stock=1, slug="x", note="!")))
    run.commit(page(offer("a", title="Other"), offer("b")))
    a, b = run.all(Offer)
    assert filled(a) == ("main", "GBP", "new", 1, 2, "!") and (a.title, a.slug) == ("Other", "x")
    assert filled(b) == FILLED
    (_, changed, _) = run.all(RowChange)
    assert changed.fields == {"title": ["Title a", "Other"]}


@pytest.mark.usefixtures("offers")
def test_none_becomes_null_or_is_refused_if_the_column_is_not_nullable(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page(offer("a", note=None)))
    (one,) = run.all(Offer)
    assert one.note is None
    for name in ("currency", "stock", "title"):
        with pytest.raises(InvalidItem) as refused:
            validated(offer("a", **{name: None})[1], Offer)
        assert list(refused.value.reasons) == [name]
    assert run.all(RejectedItem) == []


def test_a_column_without_default_is_required_and_a_computed_one_is_no_field() -> None:
    with pytest.raises(InvalidItem) as refused:
        validated({"sku": "a"}, Offer)
    assert refused.value.reasons == {"title": "is missing"}
    assert validated({"sku": "a", "title": "A"}, Offer) == {"sku": "a", "shop": "main", "title": "A"}
    with pytest.raises(UnknownField):
        validated({"sku": "a", "title": "A", "twice": 4}, Offer)
