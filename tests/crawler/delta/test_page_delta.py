"""What a page notes for the next crawl."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crawler.delta import page_delta
from crawler.delta.page_delta import PageDelta, Validators, readable_date
from models.crawl_page import PageForgotten, PageRecord, PageSeen
from tests.crawler.delta.known_page import FETCHED, KNOWN, SETTINGS


def page(**changes: Any) -> PageDelta:
    """Return a page that has come, with an ETag and one item."""
    made = PageDelta(
        page=KNOWN.page,
        url=KNOWN.url,
        version=KNOWN.version,
        settings=SETTINGS,
        known=None,
        lastmod=None,
        begun_at=FETCHED + timedelta(days=1),
        **changes,
    )
    made.came(200, KNOWN.url, Validators(etag='"2"'))
    made.add('["item",{}]')
    return made


def test_a_page_with_a_fault_is_fetched_again() -> None:
    assert isinstance(page().note(has_fault=False), PageRecord)
    assert page().note(has_fault=True) == PageForgotten(page=KNOWN.page)


def test_a_page_about_which_nobody_can_tell_is_not_recorded() -> None:
    silent = page()
    silent.validators = Validators()
    assert isinstance(silent.note(has_fault=False), PageForgotten)
    silent.lastmod = "2026-03-01"
    assert isinstance(silent.note(has_fault=False), PageRecord)
    assert isinstance(replace(silent, lastmod=None, always_noted=True).note(has_fault=False), PageRecord)


def test_an_error_page_that_the_spider_reads_is_fetched_again() -> None:
    error = page()
    error.status = 503
    assert isinstance(error.note(has_fault=False), PageForgotten)


def test_a_page_that_yields_nothing_is_fetched_again() -> None:
    """A shop may answer "try again later" with status 200; its sitemap still has the date of the page."""
    assert isinstance(replace(page(), output=[]).note(has_fault=False), PageForgotten)


def test_an_output_that_cannot_be_stored_or_is_too_long_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = page()
    one.leave_out()
    one.add('["item",{}]')
    assert isinstance(one.note(has_fault=False), PageForgotten)
    monkeypatch.setattr(page_delta, "LONGEST_OUTPUT", 20)
    other = page()
    other.add('["item",{"body":"long"}]')
    other.add('["item",{}]')
    assert isinstance(other.note(has_fault=False), PageForgotten)


def test_a_page_that_is_not_requested_keeps_its_times() -> None:
    skipped = page()
    skipped.known, skipped.lastmod = KNOWN, KNOWN.lastmod
    skipped.skip()
    note = skipped.note(has_fault=False)
    assert isinstance(note, PageSeen)
    assert (note.confirmed_at, note.etag) == (KNOWN.confirmed_at, KNOWN.etag)


def test_a_304_confirms_the_page_and_its_new_date() -> None:
    confirmed = page()
    confirmed.known, confirmed.lastmod = KNOWN, "2026-03-09"
    confirmed.confirm(Validators())
    note = confirmed.note(has_fault=False)
    assert isinstance(note, PageSeen)
    assert (note.confirmed_at, note.etag, note.lastmod) == (confirmed.begun_at, KNOWN.etag, "2026-03-09")
    assert note.fetch_interval > KNOWN.fetch_interval


def test_the_time_of_the_change_stays_when_a_fetched_page_yields_the_same() -> None:
    first = page().note(has_fault=False)
    assert isinstance(first, PageRecord)
    again = page()
    again.known = replace(KNOWN, output_hash=first.output_hash)
    note = again.note(has_fault=False)
    assert isinstance(note, PageRecord)
    assert (note.changed_at, note.fetched_at) == (KNOWN.changed_at, again.begun_at)
    again.add('["item",{"more":1}]')
    changed = again.note(has_fault=False)
    assert isinstance(changed, PageRecord)
    assert changed.changed_at == again.begun_at
    assert changed.fetch_interval < KNOWN.fetch_interval < note.fetch_interval


@pytest.mark.parametrize("value", [b"", b"x" * 501, b'"\xff"', b'"a\nb"', None])
def test_a_validator_that_cannot_be_sent_again_is_left_out(value: bytes | None) -> None:
    assert Validators.of({"ETag": value}, asked_at=FETCHED).conditions() == {}


@pytest.mark.parametrize(
    ("changed", "answered", "is_sent"),
    [
        (b"Sun, 01 Mar 2026 10:00:00 GMT", b"Sun, 01 Mar 2026 10:00:01 GMT", True),
        (b"Sun, 01 Mar 2026 10:00:00 GMT", b"Sun, 01 Mar 2026 10:00:00 GMT", False),
        (b"Fri, 01 Jan 2038 00:00:00 GMT", b"Sun, 01 Mar 2026 10:00:00 GMT", False),
        (b"Fri, 01 Jan 2038 00:00:00 GMT", None, False),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", None, True),
        (b"yesterday", b"Sun, 01 Mar 2026 10:00:00 GMT", False),
    ],
    ids=["over", "the same second", "future", "future, no Date", "past, no Date", "no date"],
)
def test_a_last_modified_whose_second_was_not_over_is_left_out(
    changed: bytes, answered: bytes | None, is_sent: bool
) -> None:
    headers = {"ETag": b'"1"', "Last-Modified": changed, "Date": answered}
    conditions = Validators.of(headers, asked_at=FETCHED).conditions()
    assert conditions["If-None-Match"] == '"1"'
    assert ("If-Modified-Since" in conditions) is is_sent


@pytest.mark.parametrize("value", [7, None, "", "x" * 65, "2026\x00"])
def test_a_date_that_cannot_be_stored_is_left_out(value: object) -> None:
    assert readable_date(value) is None
