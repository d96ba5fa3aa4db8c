"""Accepting a run: the rows that it did not see are gone, and later runs are compared with it."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.settings import Settings
from sqlalchemy import Engine, event, update

from crawler.run.acceptance import CannotAccept
from crawler.run.verdict import Policy
from models import CrawlRun, OutboxEvent, Quote, RowChange
from models.change import GONE
from models.session import make_engine
from pipelines.run_acceptance import accept_run
from tests.pipelines.runs import Run, page

POLICY = Policy(min_rows=1, max_failed_share=0.05, max_rejected_share=0.05, max_coverage_drop=0.2)
SETTINGS = Settings({"OUTBOX_ENABLED": True})


def quotes(first: int, last: int, **fields: Any) -> Any:
    items = [{"quote_id": n, "body": f"body {n}", "author": "A", **fields} for n in range(first, last)]
    return page(*((Quote, item) for item in items), number=first)


def crawl(engine: Engine, *pages: Any) -> Run:
    run = Run(engine, policy=POLICY)
    run.commit(*pages, finish="finished")
    return run


def there(run: Run) -> list[int]:
    return [row.quote_id for row in run.all(Quote) if row.gone_at is None]


def test_the_rows_that_an_accepted_run_did_not_see_are_gone(engine: Engine) -> None:
    crawl(engine, quotes(0, 20, tags="old"))
    bad = crawl(engine, quotes(0, 12, tags=None))
    later = crawl(engine, quotes(0, 13, tags=None))
    row = bad.all(CrawlRun)[1]
    assert (row.verdict, row.acceptable, len(row.reasons)) == (2, True, 2)
    done = accept_run(engine, SETTINGS, bad.claimed.id, by="me@here")
    assert done.is_new and done.gone == {"quote": 7}  # the later run has seen quote 12
    assert there(bad) == list(range(13))
    row = bad.all(CrawlRun)[1]
    assert (row.accepted_by, row.accepted_at, row.commits) == ("me@here", done.at, 3)
    assert row.note == "accepted: 7 rows of quote are gone" or row.note.endswith(
        "; accepted: 7 rows of quote are gone"
    )
    assert row.counts["changes"]["quote/gone"] == 7 and row.counts["rows"] == {"quote": 12}
    gone = [change for change in bad.all(RowChange) if change.kind == GONE]
    assert {change.run_id for change in gone} == {bad.claimed.id} and len(gone) == 7
    assert len(bad.all(OutboxEvent)) == 7
    again = accept_run(engine, SETTINGS, bad.claimed.id, by="someone@else")
    assert (again.is_new, again.at, again.by) == (False, done.at, "me@here")
    assert len(bad.all(RowChange)) == 20 + 12 + 1 + 7
    following = crawl(engine, quotes(0, 13, tags=None))
    assert [run.verdict for run in following.all(CrawlRun)] == [0, 2, 2, 0]
    assert later.claimed.id < following.claimed.id


def test_a_run_with_faults_of_its_own_stays_as_it_is(engine: Engine) -> None:
    crawl(engine, quotes(0, 20))
    run = Run(
        engine, policy=Policy(min_rows=15, max_failed_share=0, max_rejected_share=0, max_coverage_drop=0.2)
    )
    run.commit(quotes(0, 12), finish="finished")
    with pytest.raises(CannotAccept, match=f"run {run.claimed.id} cannot be accepted, since it has faults"):
        accept_run(engine, SETTINGS, run.claimed.id, by="me@here")
    with pytest.raises(CannotAccept, match="there is no run 999"):
        accept_run(engine, SETTINGS, 999, by="me@here")
    assert len(there(run)) == 20 and run.all(CrawlRun)[1].accepted_at is None


def test_a_row_that_another_run_sees_meanwhile_is_not_gone(server_url: str) -> None:
    engine, other = make_engine(server_url), make_engine(server_url)
    crawl(engine, quotes(0, 20))
    bad = crawl(engine, quotes(0, 12))
    crawl(engine, quotes(0, 12))
    newest = bad.all(CrawlRun)[2].id

    def see_one(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FOR UPDATE" in statement and "FROM quote" in statement:
            with other.begin() as connection:
                connection.execute(update(Quote).where(Quote.quote_id == 15).values(run_id=newest))

    event.listen(engine, "before_cursor_execute", see_one)
    done = accept_run(engine, SETTINGS, bad.claimed.id, by="me@here")
    assert done.gone == {"quote": 7}
    assert there(bad) == [*range(12), 15]
    engine.dispose()
    other.dispose()
