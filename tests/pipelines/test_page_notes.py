"""What pages note for the next crawl is committed with their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from crawler.page.commit import Commit
from crawler.page.row import ValidRow
from models import CrawlPage, CrawlRequest, Quote, RejectedItem
from models.crawl_page import (
    PageForgotten,
    PageNote,
    PageRecord,
    PageSeen,
    find_pages,
    last_finished_run,
)
from models.request import NOT_MODIFIED, NewRequest, Settled
from tests.crawler.delta.known_page import FETCHED, KNOWN
from tests.pipelines.demo_rows import quote
from tests.pipelines.runs import Run, page

RECORD = PageRecord(**{name: getattr(KNOWN, name) for name in PageRecord.__dataclass_fields__})
HOSTILE = replace(
    RECORD, page=b"h" * 20, url="http://shop.example/\x00\ud800", response_url="http://shop.example/ä"
)
SEEN = PageSeen(
    page=KNOWN.page,
    etag='"3"',
    last_modified=None,
    lastmod="2026-04-01",
    confirmed_at=FETCHED.replace(day=11),
    fetch_interval=5040.0,
)


BODILESS = ValidRow(model=Quote, values={"quote_id": 1000, "body": None, "author": "nobody"})


def noted(note: PageNote, *items: Any, number: int = 0, unchanged: str | None = None) -> Commit:
    """Return a page that is done, with the note."""
    settled = Settled(number=number, state="done", status=200, unchanged=unchanged)
    return replace(page(*items), url=KNOWN.url, number=number, settled=settled, note=note)


def request(number: int) -> NewRequest:
    return NewRequest(
        number=number, identity=bytes([number]) * 20, url=KNOWN.url, request="{}", priority=0, position=number
    )


def notes(engine: Engine, run: Run) -> dict[bytes, Any]:
    with Session(engine) as session:
        return dict(find_pages(session, run.claimed.scope, [KNOWN.page, HOSTILE.page]))


def test_a_record_comes_back_as_it_was_and_is_updated_and_deleted(engine: Engine) -> None:
    run = Run(engine)
    run.commit(noted(RECORD), noted(HOSTILE))
    found = notes(engine, run)
    assert found[KNOWN.page] == replace(KNOWN, run_id=run.claimed.id)
    assert found[HOSTILE.page].response_url == HOSTILE.response_url
    run.commit(noted(SEEN))
    known = notes(engine, run)[KNOWN.page]
    assert (known.etag, known.lastmod, known.confirmed_at) == ('"3"', "2026-04-01", SEEN.confirmed_at)
    assert (known.fetched_at, known.output) == (KNOWN.fetched_at, KNOWN.output)
    run.commit(noted(replace(RECORD, etag='"4"')), noted(PageForgotten(page=HOSTILE.page)))
    found = notes(engine, run)
    assert (found.keys(), found[KNOWN.page].etag) == ({KNOWN.page}, '"4"')


def test_the_later_of_two_notes_of_a_batch_about_one_page_counts(engine: Engine) -> None:
    run = Run(engine)
    run.commit(noted(RECORD), noted(PageForgotten(page=KNOWN.page)), noted(replace(RECORD, etag='"5"')))
    assert notes(engine, run)[KNOWN.page].etag == '"5"'


def test_a_page_with_a_row_that_the_database_refuses_is_not_recorded(engine: Engine) -> None:
    run = Run(engine)
    run.commit(noted(RECORD, (Quote, quote(1))))
    run.commit(noted(RECORD, (Quote, quote(3)), BODILESS))
    assert notes(engine, run) == {}
    with Session(engine) as session:
        assert sorted(session.scalars(select(Quote.quote_id))) == [1, 3]
        assert session.scalars(select(RejectedItem)).one()


def test_a_record_that_the_database_refuses_costs_only_itself(engine: Engine) -> None:
    run = Run(engine)

    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO crawl_page" in statement:
            raise ValueError("too long")

    event.listen(engine, "before_cursor_execute", refuse)
    try:
        run.commit(noted(RECORD, (Quote, quote(1))))
    finally:
        event.remove(engine, "before_cursor_execute", refuse)
    assert notes(engine, run) == {}
    with Session(engine) as session:
        assert session.scalars(select(Quote.quote_id)).all() == [1]


def test_the_frontier_has_the_mark_of_an_unchanged_page(engine: Engine) -> None:
    run = Run(engine)
    run.commit(Commit(requests=(request(1), request(2))))
    run.commit(noted(RECORD, number=1), noted(SEEN, number=2, unchanged=NOT_MODIFIED))
    with Session(engine) as session:
        marks = session.execute(select(CrawlRequest.number, CrawlRequest.unchanged)).all()
    assert sorted(map(tuple, marks)) == [(1, None), (2, "304")]


def test_a_run_that_came_to_its_end_is_the_last_finished_one(engine: Engine) -> None:
    run = Run(engine)
    run.commit(noted(RECORD), finish="finished")
    with Session(engine) as session:
        assert last_finished_run(session, run.claimed.scope, run.claimed.id + 1) == run.claimed.id
        assert last_finished_run(session, run.claimed.scope, run.claimed.id) == 0
        assert session.scalars(select(CrawlPage.run_id)).all() == [run.claimed.id]


def test_only_a_run_that_is_no_trial_deletes_the_records_of_other_pages(engine: Engine) -> None:
    run = Run(engine, delta=True)
    run.commit(noted(RECORD), finish="finished")
    Run(engine, delta=True, trial_pages=5).finish()
    assert notes(engine, run).keys() == {KNOWN.page}
    Run(engine, delta=True).finish()
    assert notes(engine, run) == {}
