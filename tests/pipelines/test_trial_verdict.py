"""The verdict on a trial: limits that only the cut breaks do not count, and faults of its pages do."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, update

from crawler.run.verdict import Policy
from models import CrawlRun, Quote
from models.run_stats import RunStats
from pipelines.storage.trial_verdict import TrialEnd
from tests.pipelines.runs import Run, page

POLICY = Policy(min_rows=100, max_failed_share=0.05, max_rejected_share=0.05, max_coverage_drop=0.2)
USUAL = RunStats(rows={"quote": 50}, coverage={"quote": {"tags": 1.0}})
TAGS = "quote.tags has a value in 0% of the rows, 100% in the last good runs (MAX_COVERAGE_DROP is 20%)"
MIN_ROWS = "20 rows, and at least 100 are expected (MIN_ROWS)"


def end(left: int, *, start_read: bool = True, **waiting: int) -> TrialEnd:
    return TrialEnd(pages=20, left=left, start_read=start_read, waiting=waiting)


@pytest.mark.parametrize("part", [end(480), end(0, start_read=False)])
def test_a_part_of_the_pages_has_few_rows_and_other_columns(part: TrialEnd) -> None:
    stats = RunStats(pages={"done": 20, "queued": 480}, rows={"quote": 20}, coverage={"quote": {"tags": 0.0}})
    assert part.judge(POLICY, stats, [USUAL]) == ([], [TAGS])


def test_a_trial_of_all_pages_is_judged_as_a_run() -> None:
    stats = RunStats(pages={"done": 20}, rows={"quote": 20}, coverage={"quote": {"tags": 0.0}})
    assert end(0).judge(POLICY, stats, [USUAL]) == ([MIN_ROWS, TAGS], [])


def test_the_requests_that_are_left_do_not_hide_failed_pages() -> None:
    stats = RunStats(pages={"done": 18, "failed": 2, "queued": 470, "leased": 10}, rows={"quote": 20})
    assert end(480).judge(POLICY, stats, []) == (["2 of 20 pages failed (MAX_FAILED_SHARE is 5%)"], [])


def test_rows_whose_parents_are_on_other_pages_are_not_rejected() -> None:
    stats = RunStats(pages={"done": 20}, rows={"quote": 20}, rejected={"quote": 6, "book": 2})
    faults, _ = end(480, quote=6, book=1).judge(POLICY, stats, [])
    assert faults == ["1 of 1 items for book were rejected (MAX_REJECTED_SHARE is 5%)"]
    faults, _ = end(0, quote=6, book=1).judge(POLICY, stats, [])
    assert len(faults) == 3  # nothing is left, so the parents do not exist; and there are too few rows


def test_the_note_says_what_is_left() -> None:
    assert end(0).note == "a trial of 20 pages: no requests are left; no row is marked as gone"
    assert end(1, start_read=False, quote=2).note == (
        "a trial of 20 pages: 1 request is left; start() was not read to its end; no crawl resumes the trial; "
        "2 rows wait for a parent row that the trial did not reach; no row is marked as gone"
    )


def quote(number: int) -> tuple[type[Quote], dict[str, object]]:
    return Quote, {"quote_id": number, "body": "body", "author": "A"}


def test_a_trial_takes_no_rows_from_the_run_that_it_interrupts(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page(quote(1), quote(2), number=1))
    with run.sessions.begin() as session:
        session.execute(update(CrawlRun).values(owner=None))
    trial = Run(engine, trial_pages=1)
    trial.commit(page(quote(2), quote(3), number=1), finish="shutdown", covered=False)
    assert [row.finished_at is not None for row in run.all(CrawlRun)] == [False, True]
    resumed = Run(engine)
    assert resumed.claimed.id == run.claimed.id
    resumed.finish(gone_limit=0.0)
    assert [(row.quote_id, row.run_id, row.gone_at) for row in run.all(Quote)] == [
        (number, run.claimed.id, None) for number in (1, 2, 3)
    ]
    assert run.all(CrawlRun)[0].counts["rows"] == {"quote": 3}
