"""A short run of ``python -m tests.spiders.incomplete_pages``: some ways and some kinds."""

from __future__ import annotations

from collections import Counter

from tests.spiders.incomplete_pages import ALL, FAILED_PAGE, REPORTED, SILENT, crawl_incomplete_pages, outcome

KINDS = ("two-pieces", "chunks-stall", "until-early-close", "gzip-cut", "short", "unended")
TIMES = 2


def assert_complete_or_reported(found: dict[str, Counter[str]]) -> None:
    for kind, counted in found.items():
        assert set(counted) <= {ALL, FAILED_PAGE, REPORTED}, f"{kind}: {counted}"
        assert counted[ALL] == (TIMES if kind == "two-pieces" else 0), f"{kind}: {counted}"


def test_a_rendered_page_is_complete_or_reported(renderer: str) -> None:
    assert_complete_or_reported(crawl_incomplete_pages("render", renderer, kinds=KINDS, times=TIMES))


def test_a_page_behind_a_button_is_complete_or_reported(renderer: str) -> None:
    assert_complete_or_reported(crawl_incomplete_pages("pages", renderer, kinds=KINDS, times=TIMES))


def test_a_plain_page_is_complete_or_reported() -> None:
    assert_complete_or_reported(crawl_incomplete_pages("plain", "", kinds=KINDS, times=TIMES))


def test_an_unfinished_page_counts_as_failed() -> None:
    assert outcome("done", None, 20, 20) == ALL
    assert outcome("done", None, 10, 20) == SILENT
    assert outcome("done", "cut: its document never ended", 10, 20) == REPORTED
    assert outcome("leased", None, 0, 20) == FAILED_PAGE
