"""A replay stores the rows of page snapshots as rows of their run, and does not overwrite newer rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy.settings import Settings
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from crawler.page.commit import Commit
from crawler.page.parse_result import ParseResult
from crawler.page.row import Rejection, row_of
from crawler.page.snapshot_policy import RAISED, REJECTED
from models import CrawlRequest, OutboxEvent, Quote, RejectedItem, RowChange
from models.replayable_pages import replayable_pages
from models.request import NewRequest, Settled
from pipelines.page_replay import Outcome, PageStore
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
    """Make a run of one page whose items with these numbers are rejected; return its id."""
    run = Run(engine)
    request = NewRequest(number=0, identity=b"i" * 20, url="u", request="{}", priority=0, position=0)
    kept = f"{run.claimed.id}/0"
    page = Commit(
        number=0,
        url="u",
        rows=rows,
        rejections=tuple(rejected(number) for number in numbers),
        settled=Settled(number=0, state=state, error="x", kept_page=kept),
        kept_page=kept,
    )
    run.commit(Commit(requests=(request,)), page, finish="finished", covered=over)
    return run.claimed.id


def replay(engine: Engine, run_id: int, reading: ParseResult, reason: str = REJECTED) -> Outcome:
    with Session(engine) as session:
        (page,) = replayable_pages(session, run_id=run_id)
    store = PageStore(engine, SETTINGS)
    outcome = store.store(page, reading, reason=reason, fetched=datetime.now(UTC) - timedelta(minutes=1))
    store.close()
    return outcome


def values(engine: Engine, *columns: Any) -> list[tuple[Any, ...]]:
    with Session(engine) as session:
        return sorted(tuple(row) for row in session.execute(select(*columns)))


def test_a_replay_stores_rows_history_events_and_marks_together(engine: Engine) -> None:
    run_id = crawl(engine, "failed", 1, 2)
    outcome = replay(engine, run_id, ParseResult(rows=(quote(1), quote(2))))
    assert outcome == Outcome(stored=2, newer=0, fault=None)
    assert values(engine, Quote.quote_id, Quote.run_id) == [(1, run_id), (2, run_id)]
    assert values(engine, RowChange.kind) == [("created",), ("created",)]
    assert len(values(engine, OutboxEvent.event_id)) == 2
    assert all(at for (at,) in values(engine, RejectedItem.replayed_at))
    assert values(engine, CrawlRequest.state, CrawlRequest.error) == [("done", None)]
    with Session(engine) as session:
        assert replayable_pages(session) == []


def test_a_row_that_the_database_refuses_leaves_its_neighbours(engine: Engine) -> None:
    run_id = crawl(engine, "done", 1, 2)
    bad = quote(2)
    bad.values["author"] = None
    outcome = replay(engine, run_id, ParseResult(rows=(quote(1), bad)))
    assert outcome.stored == 1 and outcome.fault and "refused" in outcome.fault
    assert values(engine, Quote.quote_id) == [(1,)]
    with Session(engine) as session:
        left = [one.item["quote_id"] for one in session.scalars(select(RejectedItem)) if not one.replayed_at]
    assert left == [2]


def test_a_replayed_page_changes_no_row_that_a_later_run_saw_or_marked_as_gone(engine: Engine) -> None:
    old = crawl(engine, "done", 1, 2, 3)
    crawl(engine, "done", rows=(quote(1, body="newer"), quote(2)))
    with Session(engine) as session, session.begin():
        session.execute(
            update(Quote).where(Quote.quote_id == 2).values(gone_at=datetime.now(UTC), run_id=old)
        )
    outcome = replay(engine, old, ParseResult(rows=(quote(1), quote(2), quote(3))))
    assert outcome == Outcome(stored=1, newer=2, fault=None)
    assert values(engine, Quote.quote_id, Quote.body) == [(1, "newer"), (2, "b"), (3, "b")]


def test_a_failed_page_with_links_is_left_to_the_run_that_will_be_resumed(engine: Engine) -> None:
    run_id = crawl(engine, "failed", over=False)
    reading = ParseResult(rows=(quote(1),), links=("http://x/",))
    assert replay(engine, run_id, reading, RAISED).fault is None
    assert values(engine, Quote.quote_id) == [(1,)]
    assert values(engine, CrawlRequest.state) == [("failed",)]
    replay(engine, run_id, ParseResult(rows=(quote(1),)), RAISED)
    assert values(engine, CrawlRequest.state) == [("done",)]


def test_a_page_without_rows_is_done_only_if_its_callback_raised(engine: Engine) -> None:
    assert (
        replay(engine, crawl(engine, "done", 1), ParseResult()).fault == "it yields neither a row nor a link"
    )
    assert replay(engine, crawl(engine, "failed"), ParseResult(), RAISED).fault is None
