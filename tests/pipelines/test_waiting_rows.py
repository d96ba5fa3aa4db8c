"""Parent rows are written first, and a row that comes before its parent row waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pymysql
import pytest
from sqlalchemy import Engine, ForeignKey, insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crawler.page.row import ValidRow
from models import OutboxEvent, RejectedItem, Row, RowChange
from models.types import ExactNumeric, ExactString
from pipelines.storage import transaction
from pipelines.storage.parent_rows import parents_first, without_forward_references
from tests.pipelines.own_tables import set_apart, there
from tests.pipelines.runs import Run, page


class Category(Row):
    """A tree: a category names its parent category."""

    __tablename__ = "test_category"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str | None] = mapped_column(ExactString(20))
    parent: Mapped[int | None] = mapped_column(ForeignKey("test_category.id"))


class Part(Row):
    """A row that names a category, with child rows that name categories too."""

    __tablename__ = "test_part"

    sku: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    category: Mapped[int] = mapped_column(ForeignKey("test_category.id"))
    price: Mapped[Decimal | None] = mapped_column(ExactNumeric(12, 3))
    places: Mapped[list[Place]] = relationship()


class Place(Row):
    __tablename__ = "test_place"

    sku: Mapped[str] = mapped_column(ForeignKey("test_part.sku"), primary_key=True)
    shelf: Mapped[int] = mapped_column(ForeignKey("test_category.id"), primary_key=True)


MODELS = (Category, Part, Place)
set_apart(*MODELS)


@pytest.fixture
def tables(engine: Engine) -> Iterator[None]:
    with there(engine, *MODELS):
        yield


pytestmark = pytest.mark.usefixtures("tables")


def category(number: int, parent: int | None = None, **fields: Any) -> tuple[type[Row], dict[str, Any]]:
    return Category, {"id": number, "name": f"c{number}", "parent": parent} | fields


def part(sku: str, category: int, **fields: Any) -> tuple[type[Row], dict[str, Any]]:
    return Part, {"sku": sku, "category": category, "price": Decimal("12.000")} | fields


def stored(run: Run) -> dict[int, int | None]:
    return {one.id: one.parent for one in run.all(Category)}


def test_a_tree_on_one_page_is_stored_whatever_the_order_of_its_keys(engine: Engine) -> None:
    run = Run(engine)
    tree = {n: n + 1 if n < 120 else None for n in range(1, 121)}  # each in the next one
    for _ in range(2):
        assert run.commit(page(*(category(n, parent) for n, parent in tree.items())))[0].stored == 120
    assert stored(run) == tree
    assert [change.kind for change in run.all(RowChange)] == ["created"] * 120
    assert run.all(RejectedItem) == []


def test_a_refused_row_of_a_tree_takes_only_its_child_rows_with_it(engine: Engine) -> None:
    run = Run(engine)
    bad = page(category(5), category(4, 5), category(3, 99), category(2, 3), category(1, 4))
    (outcome,) = run.commit(bad)
    assert outcome.stored == 3 and outcome.rejected == 0
    assert stored(run) == {1: 4, 4: 5, 5: None}
    run.finish()
    assert {one.item["id"]: one.reasons[""] for one in run.all(RejectedItem)} == {
        3: "waits for its parent row, which is not stored: test_category with id 99",
        2: "waits for its parent row, which is not stored: test_category with id 3",
    }


def test_rows_that_leave_out_columns_are_written_in_the_order_of_the_tree(engine: Engine) -> None:
    run = Run(engine)
    items = [
        (Category, {"id": 9}),
        (Category, {"id": 1, "parent": 9}),
        category(0, 1),
        (Category, {"id": 5, "parent": 0}),
    ]
    run.commit(page(*items))
    assert stored(run) == {9: None, 1: 9, 0: 1, 5: 0}


def test_rows_that_name_each_other_or_themselves_are_stored(engine: Engine) -> None:
    run = Run(engine, outbox=True)
    run.commit(page(category(1, 2), category(2, 3), category(3, 1), category(4, 4), category(5, 1)))
    assert stored(run) == {1: 2, 2: 3, 3: 1, 4: 4, 5: 1}
    assert sorted(change.kind for change in run.all(RowChange)) == ["created"] * 5
    (again,) = run.commit(
        page(category(1, 2), category(2, 3), category(3, 1), category(4, 4), category(5, 1))
    )
    assert again.changes == {"test_category/unchanged": 5}


def test_a_row_that_comes_before_its_parent_waits_for_it(engine: Engine) -> None:
    run = Run(engine, outbox=True)
    early = page(part("p", 7), part("q", 7, places=[{"shelf": 8}]), category(1))
    outcome = run.commit(early, page(category(2)), page(category(7, 1)), page(category(8)), batch_weight=1)
    assert [one.stored for one in outcome] == [1, 1, 2, 3]  # children are rows of their own
    assert [one.changes.get("test_part/waiting") for one in outcome] == [2, None, -1, -1]
    assert [(one.sku, one.category, one.price) for one in run.all(Part)] == [
        ("p", 7, Decimal("12.000")),
        ("q", 7, Decimal("12.000")),
    ]
    assert [one.shelf for one in run.all(Place)] == [8] and run.all(RejectedItem) == []
    assert len(run.all(OutboxEvent)) == len(run.all(RowChange)) == 7


def test_a_waiting_row_survives_its_process_and_is_stored_after_its_parent(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page(part("p", 7), number=0), page(part("q", 8), number=1))
    (p, q) = run.all(RejectedItem)
    assert "which is not stored: test_category with id 7" in p.reasons[""] and not run.all(Part)
    resumed = Run.__new__(Run)
    resumed.__dict__ = run.__dict__ | {"claimed": replace(run.claimed, resumed=True)}
    resumed.commit(page(category(7)), recover_frontier=True)
    assert [one.sku for one in run.all(Part)] == ["p"]
    with engine.begin() as connection:  # another run stores the parent of the other row
        connection.execute(
            insert(Category.table()).values(
                id=8, run_id=run.claimed.id, first_seen_at=q.at, last_seen_at=q.at
            )
        )
    resumed.finish()
    assert [one.sku for one in run.all(Part)] == ["p", "q"] and run.all(RejectedItem) == []
    assert [change.row_key for change in run.all(RowChange)] == ["[7]", '["p"]', '["q"]']


def test_a_waiting_row_is_stored_when_the_transaction_of_its_parent_is_repeated(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(engine)
    deadlock = OperationalError("", {}, pymysql.err.OperationalError(1213, "Deadlock found"))
    settle, answers = transaction.settle, iter([None, deadlock])

    def settle_or_fail(*args: Any) -> None:
        settle(*args)
        if (error := next(answers, None)) is not None:
            raise error

    monkeypatch.setattr(transaction, "settle", settle_or_fail)
    run.commit(page(part("p", 7)), page(category(7)), batch_weight=1)
    assert [one.sku for one in run.all(Part)] == ["p"] and run.all(RejectedItem) == []


def test_a_waiting_row_does_not_replace_a_later_item(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page(category(1)))
    run.commit(page(part("p", 7, price=1)), page(part("p", 1, price=2)), page(category(7)), batch_weight=1)
    assert [(one.category, one.price) for one in run.all(Part)] == [(1, Decimal(2))]
    (rejected,) = run.all(RejectedItem)
    assert "a later item" in rejected.reasons[""] and rejected.waits_for is None


def test_a_row_without_a_parent_on_many_pages_does_not_delay_its_neighbours(engine: Engine) -> None:
    run = Run(engine)
    pages = [page(part(f"{n}", n % 7), category(n)) for n in range(60)]
    run.commit(*pages, batch_weight=10)
    assert len(run.all(Part)) == 60 and run.all(RejectedItem) == []


def test_the_order_of_a_tree_is_the_same_as_that_of_its_keys_where_no_row_names_another() -> None:
    rows = {(n,): ValidRow(Category, {"id": n, "parent": None}) for n in (3, 1, 2)}
    assert parents_first(Category, rows) == [(1,), (2,), (3,)]
    rows = {(n,): ValidRow(Category, {"id": n, "parent": p}) for n, p in ((1, 3), (2, 1), (3, None), (4, 4))}
    assert parents_first(Category, rows) == [(3,), (4,), (1,), (2,)]
    assert (
        without_forward_references(Category, [rows[key].values for key in parents_first(Category, rows)])
        is None
    )
