"""A page: when it closes, what it commits, and which state its request gets."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.http import HtmlResponse

from crawler.page.commit import Commit
from crawler.page.completeness import CUT, WITHOUT_BUTTON
from crawler.page.page import PART, Page
from crawler.page.row import Rejection, ValidRow
from crawler.page.snapshot_policy import MOST_WHYS, NEVER_APPEARED, RAISED, REJECTED, SnapshotPolicy
from models import Quote
from models.request import CUT as CUT_REMARK
from models.request import NO_BUTTON, SHORT_OF_GRID, NewRequest


def page_of(number: int | None = 7) -> tuple[Page, list[Commit]]:
    commits: list[Commit] = []
    return Page(number, "http://shop/7", commits.append), commits


def row(quote_id: int) -> ValidRow:
    return ValidRow(Quote, {"quote_id": quote_id})


def rejection(**reasons: str) -> Rejection:
    return Rejection(model=Quote, item={}, reasons=reasons or {"text": "is missing"})


def request(number: int) -> NewRequest:
    return NewRequest(
        number=number, identity=b"i", url="http://shop/", request="{}", priority=0, position=number
    )


def response(*, flags: list[str] | None = None, body: bytes = b"<html></html>") -> HtmlResponse:
    return HtmlResponse("http://shop/7", body=body, flags=flags or [])


# --- When it closes -------------------------------------------------------------------------------------------------


def test_a_page_commits_once_when_its_callback_ended_and_its_items_left_the_pipelines() -> None:
    page, commits = page_of()
    page.begun()
    page.store(row(1))
    page.exhausted()
    assert not commits
    page.ended()
    page.exhausted()
    [commit] = commits
    assert page.closed and commit.rows == (row(1),) and commit.number == 7


def test_a_large_page_is_committed_in_parts_and_only_the_last_part_settles_it() -> None:
    page, commits = page_of()
    for number in range(PART + 1):
        page.discover(request(number))
    page.exhausted()
    assert [len(commit.requests) for commit in commits] == [PART, 1]
    assert [commit.settled is not None for commit in commits] == [False, True]


def test_the_page_of_start_commits_each_request_at_once() -> None:
    page, commits = page_of(None)
    page.discover(request(1))
    assert [len(commit.requests) for commit in commits] == [1]
    page.exhausted()
    assert commits[-1].start_read and commits[-1].settled is None


def test_a_start_that_failed_is_not_read() -> None:
    page, commits = page_of(None)
    page.fail("ValueError")
    page.exhausted()
    assert not commits[-1].start_read


def test_a_row_that_comes_after_the_end_is_committed() -> None:
    page, commits = page_of()
    page.exhausted()
    page.store(row(1))
    assert commits[-1].rows == (row(1),)


# --- States ---------------------------------------------------------------------------------------------------------


def settled(page: Page, commits: list[Commit]) -> Any:
    page.exhausted()
    assert commits[-1].settled is not None
    return commits[-1].settled


def test_a_page_without_errors_is_done() -> None:
    page, commits = page_of()
    page.status = 200
    state = settled(page, commits)
    assert (state.state, state.status, state.error) == ("done", 200, None)


def test_the_first_error_of_a_page_counts_and_fails_it() -> None:
    page, commits = page_of()
    page.fail("first")
    page.fail("second")
    page.skip("robots.txt")
    state = settled(page, commits)
    assert (state.state, state.error) == ("failed", "first")


def test_a_skipped_page_has_its_reason() -> None:
    page, commits = page_of()
    page.skip("HTTP 404")
    page.skip("HTTP 410")
    state = settled(page, commits)
    assert (state.state, state.error) == ("skipped", "HTTP 404")


def test_an_abandoned_page_fails_although_its_items_are_under_way() -> None:
    page, commits = page_of()
    page.begun()
    page.abandoned()
    assert commits[-1].settled is not None and commits[-1].settled.state == "failed"


@pytest.mark.parametrize(
    ("flags", "remark"),
    [([CUT, "it was cut"], f"{CUT_REMARK}it was cut"), ([WITHOUT_BUTTON, "a.next"], f"{NO_BUTTON}a.next")],
)
def test_a_page_that_is_done_says_that_rows_may_be_missing(flags: list[str], remark: str) -> None:
    page, commits = page_of()
    page.came(response(flags=flags))
    state = settled(page, commits)
    assert (state.state, state.error) == ("done", remark)


@pytest.mark.parametrize(
    ("body", "results", "remark"),
    [
        (b"<div role=grid aria-rowcount=61>", 12, "12/61"),
        (b"<table ARIA-ROWCOUNT = '5'></table><div aria-rowcount=\"61\">", 12, "12/61"),
        (b"<div aria-rowcount=61>", 60, None),  # the first row has the headers
        (b"<div aria-rowcount=61>", 1, None),  # of a page of one record, which has a grid of something else
        (b"<div aria-rowcount=-1>", 12, None),
        (b"<div aria-rowcount=99999999999>", 12, None),
        (b"<p>aria-rowcount</p>", 12, None),
    ],
)
def test_a_page_with_fewer_results_than_its_grid_has_rows_says_so(
    body: bytes, results: int, remark: str | None
) -> None:
    page, commits = page_of()
    page.came(HtmlResponse("https://a.example/", body=body))
    for _ in range(results):
        page.begun()
        page.ended()
    state = settled(page, commits)
    assert (state.state, state.error) == ("done", remark and f"{SHORT_OF_GRID}{remark}")
    assert not page.has_fault  # with DELTA it is fetched again only if it has changed


# --- Snapshots ------------------------------------------------------------------------------------------------------


def with_policy(page: Page, limit: int = 1000) -> None:
    page.snapshot_policy = SnapshotPolicy(name="1/7", request="{}", limit=limit)


def test_a_failed_page_is_saved_under_the_name_of_its_policy() -> None:
    page, commits = page_of()
    with_policy(page)
    page.came(response())
    page.fail("ValueError")
    state = settled(page, commits)
    assert page.snapshot_reason == RAISED and state.kept_page == "1/7"


def test_the_snapshot_reason_tells_a_missing_element_and_a_rejected_item_from_an_error() -> None:
    page, _ = page_of()
    with_policy(page)
    page.came(response())
    assert page.snapshot_reason is None
    page.reject(rejection())
    assert page.snapshot_reason == REJECTED and page.wrongs == ["text is missing"]
    page.never_appeared = True
    page.fail("NeverAppeared")
    assert page.snapshot_reason == NEVER_APPEARED


def test_a_page_without_a_response_or_above_the_limit_is_not_saved() -> None:
    for body in (None, b"x" * 1001):
        page, commits = page_of()
        with_policy(page)
        if body is not None:
            page.came(response(body=body))
        page.fail("ValueError")
        assert settled(page, commits).kept_page is None


def test_a_page_notes_a_limited_number_of_reasons() -> None:
    page, _ = page_of()
    for number in range(MOST_WHYS + 5):
        page.reject(rejection(text=f"reason {number}"))
    assert len(page.wrongs) == MOST_WHYS and len(page.rejections) == MOST_WHYS + 5


# --- Merged items ---------------------------------------------------------------------------------------------------


def test_items_with_the_same_key_are_counted_and_the_first_duplicate_is_named() -> None:
    page, commits = page_of()
    for quote_id in (1, 2, 1, 1):
        page.store(row(quote_id))
    state = settled(page, commits)
    assert state.merged == 2 and page.merged_row == row(1)


def test_start_does_not_count_merged_items() -> None:
    page, _ = page_of(None)
    page.store(row(1))
    page.store(row(1))
    assert page.merged == 0
