"""``scrapy rejected --replay`` stores rejected items that are valid now."""

from __future__ import annotations

from typing import Any

from scrapy.settings import Settings
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from crawler.page.commit import Commit
from crawler.page.row import Rejection
from crawler.run.verdict import Policy
from models import Book, OutboxEvent, Quote, RejectedItem, Review, RowChange
from models.run_stats import count_run
from pipelines.rejected_replay import replay
from tests.pipelines.demo_rows import book_with_reviews
from tests.pipelines.runs import Run, page


def quote(number: int, body: str) -> dict[str, Any]:
    return {"quote_id": number, "body": body, "author": "a"}


def rejected(number: int, body: str) -> Rejection:
    return Rejection(model=Quote, item=quote(number, body), reasons={"author": "is missing"}, key=(number,))


def test_a_replayed_item_has_its_history_and_its_event(engine: Engine) -> None:
    rejection = Rejection(model=Quote, item={"quote_id": 1, "body": "b"}, reasons={"author": "is missing"})
    Run(engine).commit(Commit(rejections=(rejection,)), finish="finished")
    with Session(engine) as session, session.begin():
        session.execute(update(RejectedItem).values(item={"quote_id": 1, "body": "b", "author": "a"}))
    assert replay(engine, Settings({"OUTBOX_ENABLED": True})) == (1, 0, 0)
    with Session(engine) as session:
        assert session.scalars(select(RowChange.kind)).all() == ["created"]
        assert len(session.scalars(select(OutboxEvent)).all()) == 1


def test_a_replayed_row_belongs_to_the_run_that_rejected_its_item(engine: Engine) -> None:
    first = Run(engine, cat="a")
    items = [{"quote_id": n, "body": "b", "author": "a"} for n in (1, 2, 3)]
    rejections = tuple(
        Rejection(model=Quote, item=item, reasons={"author": "is missing"}, key=(item["quote_id"],))
        for item in items
    )
    first.commit(Commit(rejections=rejections), finish="finished")
    second = Run(engine, cat="a")
    second.commit(page((Quote, items[0])), finish="finished", gone_limit=1)
    assert replay(engine, Settings()) == (2, 0, 1)  # the second run has seen the row of the first one
    owners = {quote.quote_id: quote.run_id for quote in second.all(Quote)}
    assert owners == {1: second.claimed.id, 2: first.claimed.id, 3: first.claimed.id}
    third = Run(engine, cat="a")
    third.commit(page((Quote, items[0]), (Quote, items[1])), finish="finished", gone_limit=1)
    assert [quote.quote_id for quote in third.all(Quote) if quote.gone_at] == [3]


def test_replayed_children_belong_to_the_run_of_their_parent(engine: Engine) -> None:
    first = Run(engine)
    item = book_with_reviews("a", "x")
    rejection = Rejection(model=Book, item=item, reasons={"price": "is missing"}, key=("a",))
    first.commit(Commit(rejections=(rejection,)), finish="finished")
    assert replay(engine, Settings()) == (1, 0, 0)
    assert {row.run_id for model in (Book, Review) for row in first.all(model)} == {first.claimed.id}


def test_a_replayed_item_does_not_replace_a_newer_row(engine: Engine) -> None:
    early = Run(engine, spider="early")
    early.commit(Commit(rejections=(rejected(1, "old"),)))
    later = Run(engine, spider="later")
    later.commit(page((Quote, quote(1, "new"))))
    assert replay(engine, Settings()) == (0, 0, 1)
    assert [one.body for one in early.all(Quote)] == ["new"]
    assert replay(engine, Settings()) == (0, 0, 0)


def test_a_row_whose_item_is_rejected_does_not_count_as_unchanged(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page((Quote, quote(1, "a")), (Quote, quote(2, "b"))))
    run.finish()
    again = Run(engine)
    again.commit(Commit(rejections=(rejected(1, "x"), rejected(3, "y"))), page((Quote, quote(2, "b"))))
    with again.sessions() as session:
        counted = count_run(session, again.claimed.id)
    assert (counted.rows, counted.rejected, counted.kept) == ({"quote": 2}, {"quote": 2}, {"quote": 1})
    assert counted.changes == {"quote/unchanged": 1}
    policy = Policy(min_rows=0, max_failed_share=1, max_rejected_share=0.6, max_coverage_drop=1)
    assert "2 of 3 items for quote were rejected" in policy.broken_by(counted, [])[0]
