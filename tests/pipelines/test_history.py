"""The history has each change of a row once; a row that a complete run does not see is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Mapped, mapped_column

from crawler.page.commit import Commit
from crawler.page.row import Rejection
from models import Base, Book, CrawlRun, OutboxEvent, Quote, Review, Row, RowChange
from models.history import read_changes
from models.request import NewRequest, Settled, insert_new
from models.run_stats import count_run
from models.types import ExactString
from pipelines.storage.run_context import RunContext
from pipelines.storage.shared_rows import shared_rows
from pipelines.storage.transaction import write_pages
from tests.pipelines.demo_rows import book, quote
from tests.pipelines.runs import Run, page


class Video(Row):
    """A table with a counter whose changes are not in the history."""

    __tablename__ = "test_video"

    name: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    title: Mapped[str] = mapped_column(ExactString(50))
    views: Mapped[int] = mapped_column(info={"tracked": False})


Base.metadata.remove(Video.table())  # the fixture creates the table, no migration does


@pytest.fixture
def videos(engine: Engine) -> Iterator[None]:
    run_id = Video.table().c.run_id
    for constraint in list(run_id.foreign_keys):
        Video.table().constraints.discard(constraint.constraint)  # type: ignore[arg-type]
    Video.table().create(engine, checkfirst=True)
    yield
    Video.table().drop(engine)


def crawl(engine: Engine, *items: Any, **options: Any) -> Run:
    """Make a complete run that saw these items."""
    run = Run(engine, outbox=options.pop("outbox", False))
    run.commit(page(*items))
    run.finish(**options)
    return run


def history(engine: Engine) -> list[tuple[Any, ...]]:
    run = Run(engine, spider="reader")
    return [(c.table_name, c.row_key, c.kind, c.fields) for c in run.all(RowChange)]


def test_a_row_is_created_changed_gone_and_returned(engine: Engine) -> None:
    many = [(Quote, quote(n)) for n in range(2, 10)]
    crawl(engine, (Quote, quote(1)), *many)
    crawl(engine, (Quote, quote(1, body="Other.")), *many)
    crawl(engine, *many)
    run = crawl(engine, (Quote, quote(1, body="Third.")), *many)
    of_one = [(kind, fields) for _, key, kind, fields in history(engine) if key == "[1]"]
    assert of_one == [
        ("created", None),
        ("changed", {"body": ["Be yourself.", "Other."]}),
        ("gone", None),
        ("returned", {"body": ["Other.", "Third."]}),
    ]
    assert all(q.gone_at is None for q in run.all(Quote))


def test_a_row_with_equal_values_is_unchanged(engine: Engine) -> None:
    first = crawl(engine, (Book, book(price="£51.77", published="3 May 2019")))
    again = crawl(engine, (Book, book(price=Decimal("51.770"), published="2019-05-03", stock="22")))
    assert [kind for *_, kind, _ in history(engine)] == ["created"]
    (stored,) = again.all(Book)
    assert stored.run_id == again.claimed.id != first.claimed.id
    assert stored.last_seen_at - stored.first_seen_at > timedelta(0)


def test_null_is_a_value_and_a_missing_field_is_not(engine: Engine) -> None:
    crawl(engine, (Book, book(description="Long.")))
    crawl(engine, (Book, book()))
    crawl(engine, (Book, book(description="")))
    assert [fields for *_, fields in history(engine)] == [None, {"description": ["Long.", None]}]


@pytest.mark.usefixtures("videos")
def test_a_change_of_an_untracked_column_is_stored_and_writes_no_history(engine: Engine) -> None:
    def video(views: int, title: str = "A") -> tuple[type[Row], dict[str, Any]]:
        return Video, {"name": "v", "title": title, "views": views}

    for item in (video(1), video(2), video(3, "B")):
        Run(engine).commit(page(item))
        with engine.begin() as connection:
            connection.execute(text("UPDATE crawl_run SET owner = NULL"))
    reader = Run(engine, spider="reader")
    assert [(c.kind, c.fields) for c in reader.all(RowChange)] == [
        ("created", None),
        ("changed", {"title": ["A", "B"]}),
    ]
    assert reader.all(Video)[0].views == 3


def test_a_review_that_left_its_list_is_gone(engine: Engine) -> None:
    def reviews(*names: str) -> list[dict[str, Any]]:
        return [{"reviewer": n, "stars": 1, "body": "!", "posted": "2024-05-03"} for n in names]

    crawl(engine, (Book, book(reviews=reviews("ann", "bob"))))
    crawl(engine, (Book, book(reviews=reviews("ann"))))
    assert ("review", '["B1","bob"]', "gone", None) in history(engine)


def test_no_row_is_gone_if_more_than_the_limit_were_not_seen(engine: Engine) -> None:
    crawl(engine, *((Quote, quote(n)) for n in range(10)))
    run = crawl(engine, *((Quote, quote(n)) for n in range(7)))
    assert all(q.gone_at is None for q in run.all(Quote))
    assert "GONE_LIMIT" in run.all(CrawlRun)[-1].note


@pytest.mark.parametrize("fault", ["a page failed", "an item had no key", "it was interrupted"])
def test_a_run_that_did_not_see_everything_marks_nothing_as_gone(engine: Engine, fault: str) -> None:
    crawl(engine, *((Quote, quote(n)) for n in range(10)))
    run = Run(engine)
    run.commit(page(*((Quote, quote(n)) for n in range(9))))
    if fault == "a page failed":
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO crawl_request (run_id, number, identity, url, priority, position, depth, state, "
                    f"attempts) VALUES ({run.claimed.id}, 0, '12345678901234567890', 'x', 0, 0, 0, 'leased', 0)"
                )
            )
        run.commit(Commit(number=0, settled=Settled(number=0, state="failed", error="HTTP 500")))
    if fault == "an item had no key":
        bad = Rejection(model=Quote, item={}, reasons={"quote_id": "is missing"})
        run.commit(Commit(rejections=(bad,)))
    run.finish(covered=fault != "it was interrupted")
    assert all(q.gone_at is None for q in run.all(Quote))


def test_a_row_whose_item_was_rejected_is_not_gone(engine: Engine) -> None:
    crawl(engine, *((Quote, quote(n)) for n in range(10)))
    run = Run(engine)
    run.commit(page(*((Quote, quote(n)) for n in range(9))))
    run.commit(
        Commit(rejections=(Rejection(model=Quote, item={}, reasons={"body": "is missing"}, key=(9,)),))
    )
    run.finish()
    assert all(q.gone_at is None for q in run.all(Quote))


def test_another_spiders_rows_are_not_gone(engine: Engine) -> None:
    crawl(engine, *((Quote, quote(n)) for n in range(10)))
    other = Run(engine, spider="other")
    other.commit(page(*((Quote, quote(n)) for n in range(100, 120))))
    other.finish()
    assert all(q.gone_at is None for q in other.all(Quote))


def test_the_history_of_a_row_is_found_in_all_runs_and_in_one(engine: Engine) -> None:
    runs = [
        crawl(engine, *((Quote, quote(n, body=f"{turn}")) for n in range(5))).claimed.id for turn in range(3)
    ]
    with Run(engine, spider="reader").sessions() as session:
        assert [(c.run_id, c.kind) for c in read_changes(session, key="3")] == [
            (runs[0], "created"),
            (runs[1], "changed"),
            (runs[2], "changed"),
        ]
        assert [c.run_id for c in read_changes(session, key="3", limit=1)] == runs[2:]
        assert [c.kind for c in read_changes(session, key="3", run_id=runs[0])] == ["created"]


def test_every_change_has_an_event_with_a_unique_id(engine: Engine) -> None:

    crawl(engine, (Book, book()), (Book, book("B2")), outbox=True)
    run = crawl(engine, (Book, book(price="9.99")), (Book, book("B2")), outbox=True)
    events = [json.loads(event.envelope) for event in run.all(OutboxEvent)]
    assert [event["type"] for event in events] == ["splashdown.book.created"] * 2 + [
        "splashdown.book.changed"
    ]
    assert len({event["id"] for event in events}) == 3
    assert events[-1]["specversion"] == "1.0" and events[-1]["data"]["changed"] == {
        "price": ["51.77", "9.99"]
    }
    assert events[-1]["data"]["row"]["price"] == "9.99"


def test_the_history_of_reviews_names_both_parts_of_their_key(engine: Engine) -> None:
    review = {"reviewer": "ann", "stars": 1, "body": "!", "posted": "2024-05-03"}
    run = crawl(engine, (Book, book(reviews=[review])))
    assert [c.row_key for c in run.all(RowChange)] == ['["B1"]', '["B1","ann"]']
    assert len(run.all(Review)) == 1


def test_a_run_names_rows_that_several_records_of_the_site_share(engine: Engine) -> None:
    """Only the second page shows that the key of the first record is not its own."""
    others = [(Quote, quote(n)) for n in range(2, 6)]
    for day in range(2):
        run = Run(engine)
        run.commit(page((Quote, quote(1, body="Hello"))))
        run.commit(page((Quote, quote(1, body="Welcome"))), page(*others), finish="finished")
        last = run.all(CrawlRun)[-1]
        assert last.verdict == 0
        line = "1 row of quote got other values from a later page of this run, such as [1] (body): the last ones are"
        assert line in last.note, day


def test_a_run_names_a_column_that_no_row_has(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(engine)
    run.commit(page(*((Book, book(f"B{n}", description=None)) for n in range(10))), finish="finished")
    last = run.all(CrawlRun)[-1]
    assert last.verdict == 0 and "book.description" in last.note
    assert "no value in any of the 10 rows: if the site has one, correct the selector" in last.note
    assert "book.price" not in last.note and "book.description" in caplog.text


def test_a_page_that_completes_a_row_shares_no_key(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page((Book, book()), (Quote, quote(1))))
    run.commit(page((Book, book(description="A long story."))), finish="finished")
    assert [change.kind for change in run.all(RowChange)].count("changed") == 1
    assert "got other values" not in run.all(CrawlRun)[-1].note


def test_records_of_two_pages_that_one_transaction_stores_are_counted_as_merged(engine: Engine) -> None:
    run = Run(engine)
    pages = [
        page((Quote, quote(1, body="Hello")), (Quote, quote(2)), number=1),
        page((Quote, quote(1, body="Welcome")), (Quote, quote(2)), (Quote, quote(3)), number=2),
        page((Quote, quote(3, body="Other")), (Quote, quote(3, body="Another")), number=2),
    ]
    assert shared_rows(pages) == {2: 1}, "the page itself counts items with the key of another of its items"
    found = [
        NewRequest(
            number=number,
            identity=bytes([number]) * 20,
            url="http://shop/",
            request="{}",
            priority=0,
            position=1,
        )
        for number in (1, 2)
    ]
    with run.sessions.begin() as session:
        insert_new(session, run.claimed.id, found, lambda _: True)
    with run.sessions.begin() as session:
        write_pages(session, RunContext(run=run.claimed), pages[:2])
    with run.sessions() as session:
        assert count_run(session, run.claimed.id).merged == 1
