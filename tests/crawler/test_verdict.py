"""Verdict, Ending and Policy: which exit code and which reasons a run gets for its counts."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.settings import Settings

from crawler.page.completeness import NEVER_ENDED
from crawler.run.verdict import (
    ALREADY_RUNNING,
    BELOW_POLICY,
    CANNOT_START,
    EXIT_CODES,
    GOOD,
    INTERRUPTED,
    NOT_STORED,
    Ending,
    Policy,
    Verdict,
    button_note,
    cut_note,
    empty_note,
    grid_note,
    refused_note,
)
from models.run_failures import Refused
from models.run_stats import RunStats

LIMIT = "stopped after 100 pages (max_pages) while next_button was still there"


def test_each_exit_code_has_a_word() -> None:
    assert {code: Verdict(code=code).word for code in EXIT_CODES} == {
        GOOD: "good",
        CANNOT_START: "could not start",
        BELOW_POLICY: "below its policy",
        NOT_STORED: "could not store its data",
        INTERRUPTED: "interrupted",
        ALREADY_RUNNING: "already running",
    }


# --- Ending --------------------------------------------------------------------------------------------------------


def test_a_crawl_that_covered_all_pages_leaves_the_verdict_to_the_policy() -> None:
    assert Ending(reason="finished", covered=True).verdict is None


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("database_lost", NOT_STORED),
        ("scripts_needed", CANNOT_START),
        ("unknown_field", CANNOT_START),
        ("login_failed", BELOW_POLICY),
        ("start_error", BELOW_POLICY),
        ("shutdown", INTERRUPTED),
        ("closespider_pagecount", INTERRUPTED),
        ("memusage_exceeded", INTERRUPTED),
        ("a reason of the spider", INTERRUPTED),
    ],
)
def test_the_finish_reason_of_an_early_end_decides_the_exit_code(reason: str, code: int) -> None:
    verdict = Ending(reason=reason, covered=False).verdict
    assert verdict == Verdict(code=code, reasons=(f"it was ended: {reason}",))


def test_an_early_end_has_the_message_of_the_crawl_as_its_reason() -> None:
    verdict = Ending(reason="database_lost", covered=False, message="the disk is full").verdict
    assert verdict == Verdict(code=NOT_STORED, reasons=("the disk is full",))


def test_a_finished_crawl_that_did_not_try_all_pages_is_below_its_policy() -> None:
    verdict = Ending(reason="finished", covered=False).verdict
    assert verdict == Verdict(code=BELOW_POLICY, reasons=("not all of its pages were tried",))
    with_message = Ending(reason="finished", covered=False, message="ValueError (in start())").verdict
    assert with_message == Verdict(code=BELOW_POLICY, reasons=("ValueError (in start())",))


# --- Policy --------------------------------------------------------------------------------------------------------


def policy(**settings: Any) -> Policy:
    return Policy.from_settings(Settings({"MIN_ROWS": 0} | settings), has_model=True)


def broken(run: RunStats, *before: RunStats, **settings: Any) -> list[str]:
    return policy(**settings).broken_by(run, before)


@pytest.mark.parametrize(("has_model", "min_rows"), [(True, 1), (False, 0)])
def test_the_default_policy_expects_a_row_of_a_spider_with_a_model(has_model: bool, min_rows: int) -> None:
    assert Policy.from_settings(Settings(), has_model=has_model) == Policy(
        min_rows=min_rows,
        max_failed_share=0.05,
        max_rejected_share=0.05,
        max_coverage_drop=0.2,
        max_cut_share=0.05,
        max_refused_share=0.05,
    )


def test_a_policy_reads_its_limits_from_the_settings() -> None:
    settings = {
        "MIN_ROWS": "7",
        "MAX_FAILED_SHARE": "0.1",
        "MAX_REJECTED_SHARE": "0.2",
        "MAX_COVERAGE_DROP": "0.3",
        "MAX_CUT_SHARE": "0.4",
        "MAX_REFUSED_SHARE": "0.5",
    }
    assert Policy.from_settings(Settings(settings), has_model=False) == Policy(
        min_rows=7,
        max_failed_share=0.1,
        max_rejected_share=0.2,
        max_coverage_drop=0.3,
        max_cut_share=0.4,
        max_refused_share=0.5,
    )
    assert Policy.from_settings(Settings({"MIN_ROWS": 0}), has_model=True).min_rows == 0


def test_a_run_with_fewer_rows_than_expected_breaks_the_policy() -> None:
    run = RunStats(rows={"quote": 4, "book": 2})
    assert broken(run, MIN_ROWS=6) == []
    assert broken(run, MIN_ROWS=7) == ["6 rows, and at least 7 are expected (MIN_ROWS)"]
    assert broken(RunStats(), MIN_ROWS=1) == ["0 rows, and at least 1 are expected (MIN_ROWS)"]


def test_a_run_with_too_many_failed_pages_breaks_the_policy() -> None:
    assert broken(RunStats(pages={"done": 95, "failed": 5})) == []
    assert broken(RunStats(pages={"done": 94, "failed": 6})) == [
        "6 of 100 pages failed (MAX_FAILED_SHARE is 5%)"
    ]
    assert broken(RunStats(pages={"failed": 1})) == ["1 of 1 pages failed (MAX_FAILED_SHARE is 5%)"]
    assert broken(RunStats(pages={"failed": 1}), MAX_FAILED_SHARE=1) == []


def test_a_run_with_too_many_cut_pages_breaks_the_policy() -> None:
    assert broken(RunStats(pages={"done": 100}, cut=5)) == []
    assert broken(RunStats(pages={"done": 100}, cut=6)) == ["6 of 100 pages were cut (MAX_CUT_SHARE is 5%)"]


def test_a_run_with_too_many_rejected_items_of_a_table_breaks_the_policy() -> None:
    assert broken(RunStats(rows={"quote": 95}, rejected={"quote": 5})) == []
    assert broken(RunStats(rows={"quote": 94, "book": 500}, rejected={"quote": 6})) == [
        "6 of 100 items for quote were rejected (MAX_REJECTED_SHARE is 5%)"
    ]
    assert broken(RunStats(rejected={"quote": 6})) == [
        "6 of 6 items for quote were rejected (MAX_REJECTED_SHARE is 5%)"
    ]


def test_a_stored_row_whose_item_was_rejected_is_counted_as_one_item() -> None:
    run = RunStats(rows={"quote": 10}, rejected={"quote": 1}, kept={"quote": 1})
    assert broken(run, MAX_REJECTED_SHARE=0.1) == []
    assert broken(run, MAX_REJECTED_SHARE=0.09) == [
        "1 of 10 items for quote were rejected (MAX_REJECTED_SHARE is 9%)"
    ]


def tags(share: float, rows: int = 20) -> RunStats:
    """Return the stats of a run in whose rows ``quote.tags`` has a value in this share."""
    return RunStats(rows={"quote": rows}, coverage={"quote": {"tags": share}})


def test_a_run_whose_column_lost_its_values_breaks_the_policy() -> None:
    reason = "quote.tags has a value in 0% of the rows, 90% in the last good runs (MAX_COVERAGE_DROP is 20%)"
    assert broken(tags(0.0), tags(1.0), tags(0.8)) == [reason]
    assert broken(tags(0.75), tags(1.0), tags(0.8)) == []


def test_a_run_without_good_runs_before_has_no_columns_to_compare() -> None:
    assert broken(tags(0.0)) == []
    assert broken(tags(0.0), RunStats(rows={"book": 20}, coverage={"book": {"tags": 1.0}})) == []


def test_a_policy_does_not_compare_the_columns_of_few_rows() -> None:
    assert broken(tags(0.0, rows=9), tags(1.0)) == []
    assert broken(tags(0.0), tags(1.0, rows=9)) == []
    assert len(broken(tags(0.0, rows=10), tags(1.0, rows=10))) == 1


def test_a_run_has_a_reason_for_each_limit_that_it_breaks() -> None:
    run = RunStats(pages={"done": 1, "failed": 1}, cut=1, rejected={"quote": 1})
    assert [reason.rpartition("(")[2].split()[0].strip(")") for reason in broken(run, MIN_ROWS=1)] == [
        "MIN_ROWS",
        "MAX_FAILED_SHARE",
        "MAX_CUT_SHARE",
        "MAX_REJECTED_SHARE",
    ]


# --- Lines about pages of which rows may be missing ----------------------------------------------------------------


def test_a_verdict_has_a_line_for_each_reason_of_cut_pages() -> None:
    assert cut_note([]) == []
    pages = [
        ("/1", NEVER_ENDED),
        ("/2", LIMIT),
        ("/3", NEVER_ENDED),
        ("/4", NEVER_ENDED),
        ("/5", NEVER_ENDED),
    ]
    assert cut_note(pages) == [
        "4 pages were cut, each: its document never ended, so that rows may be missing: /1, /3, /4, ...",
        f"1 page was cut: {LIMIT}, so that rows may be missing: /2",
    ]
    many = [(f"/{number}", f"reason {number}") for number in range(5)]
    assert len(cut_note(many)) == 4 and cut_note(many)[-1] == "2 more pages were cut for other reasons"


def test_a_note_names_a_button_that_no_page_had_once() -> None:
    assert button_note([("/1", ".nxt")]) == [
        "next_button '.nxt' was on no page of /1: if the list has more pages, correct it"
    ]
    assert button_note([(f"/{number}", ".nxt") for number in range(4)]) == [
        "next_button '.nxt' was on no page of 4 lists: if they have more pages, correct it: /0, /1, /2, ..."
    ]


def test_a_note_names_a_grid_with_more_rows_than_were_read() -> None:
    assert grid_note([("/1", 12, 60)]) == [
        "12 results of a grid that says it has 60 rows: /1: if rows are missing, scroll the list (render_scrolled) or "
        "open its other pages"
    ]
    assert "/1, and 1 more pages" in grid_note([("/1", 12, 60), ("/2", 12, 70)])[0]


def test_the_pages_of_one_list_together_have_the_rows_of_its_grid() -> None:
    pages = [(f"/{number}", 10, 41) for number in range(4)]  # with a row of headers
    assert grid_note(pages) == []
    assert "30 results" in grid_note(pages[:3])[0]


def test_a_note_names_columns_without_a_value_in_any_row() -> None:
    run = RunStats(
        rows={"film": 133, "role": 9, "old": 50},
        coverage={"film": {"name": 0.0, "year": 0.0001, "day": 0.0}, "role": {"a": 0.0}, "old": {"b": 0.0}},
    )
    assert empty_note(run, [], {"film", "role"}) == [
        "film.name, film.day: no value in any of the 133 rows: if the site has one, correct the selector"
    ]
    before = RunStats(rows={"film": 130}, coverage={"film": {"name": 0.0}})
    assert empty_note(run, [before], {"film"})[0].startswith("film.day: no value")


# --- Refused pages ---------------------------------------------------------------------------------------------------


def test_a_run_with_too_many_refused_pages_breaks_the_policy() -> None:
    run = RunStats(pages={"done": 16, "failed": 0, "refused": 4})
    assert broken(run, MAX_REFUSED_SHARE=0.2) == []
    assert broken(run) == ["4 of 20 pages were refused by the site (MAX_REFUSED_SHARE is 5%)"]


def test_the_verdict_names_refused_pages_by_host_and_reason() -> None:
    def refused(host: str, pages: int) -> Refused:
        urls = [f"https://{host}/{number}" for number in range(min(pages, 3))]
        return Refused(host=host, reason="HTTP 403", pages=pages, urls=urls)

    assert refused_note([]) == []
    assert refused_note([refused("a.example", 12), refused("b.example", 1)]) == [
        "refused by the site: 12 pages, a.example HTTP 403: "
        "https://a.example/0, https://a.example/1, https://a.example/2, ...",
        "refused by the site: 1 page, b.example HTTP 403: https://b.example/0",
    ]
    many = refused_note([refused(f"{name}.example", 2) for name in "abcde"])
    assert many[3:] == ["refused by the site: 4 more pages, of other hosts or for other reasons"]
