"""What kept pages give goes into the tables, on every database: as rows of their run, and over nothing newer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy.settings import Settings
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from crawler.kept_page import RAISED, REJECTED
from crawler.page import Commit
from crawler.reading import Reading
from crawler.row import Rejection, row_of
from models import CrawlRequest, OutboxEvent, Quote, RejectedItem, RowChange
from models.broken import broken_pages
from models.request import NewRequest, Settled
from pipelines.kept_pages import Outcome, PageStore
from pipelines.validate import validated
from tests.pipelines.runs import Run

SETTINGS = Settings({"OUTBOX_ENABLED": True, "HISTORY_ENABLED": True})


def quote(number: int, **fields: Any) -> Any:
    values = {"quote_id": number, "body": "b", "author": "a", "tags": None} | fields
    return row_of(validated(values, Quote), Quote)


def rejected(number: int) -> Rejection:
    item = {"quote_id": number, "body": "b", "author": ""}
    return Rejection(model=Quote, item=item, reasons={"author": "is missing"}, key=(number,))


def crawl(engine: Engine, state: str, *numbers: int, rows: tuple[Any, ...] = (), over: bool = True) -> int:
    """A run of one page, whose items with these numbers were rejected; its id."""
    run = Run(engine)
    request = NewRequest(number=0, identity=b"i" * 20, url="u", request="{}", priority=0, position=0)
    kept = f"{run.held.id}/0"
    page = Commit(
        number=0,
        url="u",
        rows=rows,
        rejections=tuple(rejected(number) for number in numbers),
        settled=Settled(number=0, state=state, error="x", kept_page=kept),
        kept_page=kept,
    )
    run.commit(Commit(requests=(request,)), page, finish="finished", covered=over)
    return run.held.id


def replay(engine: Engine, run_id: int, reading: Reading, reason: str = REJECTED) -> Outcome:
    with Session(engine) as session:
        (page,) = broken_pages(session, run_id=run_id)
    store = PageStore(engine, SETTINGS)
    outcome = store.store(page, reading, reason=reason, fetched=datetime.now(UTC) - timedelta(minutes=1))
    store.close()
    return outcome


def values(engine: Engine, *columns: Any) -> list[tuple[Any, ...]]:
    with Session(engine) as session:
        return sorted(tuple(row) for row in session.execute(select(*columns)))


def test_rows_history_events_and_marks_are_one_story(engine: Engine) -> None:
    run_id = crawl(engine, "failed", 1, 2)
    outcome = replay(engine, run_id, Reading(rows=(quote(1), quote(2))))
    assert outcome == Outcome(stored=2, newer=0, wrong=None)
    assert values(engine, Quote.quote_id, Quote.run_id) == [(1, run_id), (2, run_id)]
    assert values(engine, RowChange.kind) == [("created",), ("created",)]
    assert len(values(engine, OutboxEvent.event_id)) == 2
    assert all(at for (at,) in values(engine, RejectedItem.replayed_at))
    assert values(engine, CrawlRequest.state, CrawlRequest.error) == [("done", None)]
    with Session(engine) as session:
        assert broken_pages(session) == []


def test_a_row_that_the_database_refuses_leaves_its_neighbours(engine: Engine) -> None:
    run_id = crawl(engine, "done", 1, 2)
    bad = quote(2)
    bad.values["author"] = None
    outcome = replay(engine, run_id, Reading(rows=(quote(1), bad)))
    assert outcome.stored == 1 and outcome.wrong and "refused" in outcome.wrong
    assert values(engine, Quote.quote_id) == [(1,)]
    with Session(engine) as session:
        left = [one.item["quote_id"] for one in session.scalars(select(RejectedItem)) if not one.replayed_at]
    assert left == [2]


def test_an_old_page_has_nothing_to_say_of_what_a_later_run_saw_or_found_gone(engine: Engine) -> None:
    old = crawl(engine, "done", 1, 2, 3)
    crawl(engine, "done", rows=(quote(1, body="newer"), quote(2)))
    with Session(engine) as session, session.begin():
        session.execute(
            update(Quote).where(Quote.quote_id == 2).values(gone_at=datetime.now(UTC), run_id=old)
        )
    outcome = replay(engine, old, Reading(rows=(quote(1), quote(2), quote(3))))
    assert outcome == Outcome(stored=1, newer=2, wrong=None)
    assert values(engine, Quote.quote_id, Quote.body) == [(1, "newer"), (2, "b"), (3, "b")]


def test_a_failed_page_with_links_is_left_to_the_run_that_will_be_resumed(engine: Engine) -> None:
    run_id = crawl(engine, "failed", over=False)
    reading = Reading(rows=(quote(1),), links=("http://x/",))
    assert replay(engine, run_id, reading, RAISED).wrong is None
    assert values(engine, Quote.quote_id) == [(1,)]
    assert values(engine, CrawlRequest.state) == [("failed",)]
    replay(engine, run_id, Reading(rows=(quote(1),)), RAISED)
    assert values(engine, CrawlRequest.state) == [("done",)]


def test_a_page_that_gives_nothing_is_mended_only_where_its_callback_raised(engine: Engine) -> None:
    assert replay(engine, crawl(engine, "done", 1), Reading()).wrong == "it gives neither a row nor a link"
    assert replay(engine, crawl(engine, "failed"), Reading(), RAISED).wrong is None
