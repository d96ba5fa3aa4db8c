"""The decision about a page that an earlier run had."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.delta.decision import Decision, decide, end_of, is_unchanged_by, is_usable
from crawler.delta.interval import FIRST, SHORTEST, next_interval
from crawler.delta.settings import ADAPTIVE, DeltaSettings, mode_of
from models.crawl_page import StoredPage
from tests.crawler.delta.known_page import FETCHED, KNOWN, SETTINGS

DAY = timedelta(days=1)


def decided(
    known: StoredPage = KNOWN,
    settings: DeltaSettings = SETTINGS,
    *,
    after: timedelta = DAY,
    lastmod: str | None = None,
    changed: bool | None = None,
    may_skip: bool = True,
    may_ask: bool = True,
) -> Decision:
    return decide(
        known,
        settings=settings,
        now=FETCHED + after,
        lastmod=lastmod,
        changed=changed,
        may_skip=may_skip,
        may_ask=may_ask,
    )


def test_the_spider_decides_before_the_sitemap_and_the_site() -> None:
    assert decided(changed=True, lastmod="2026-03-01") is Decision.FETCH
    assert decided(changed=False, lastmod="2026-03-09") is Decision.SKIP
    assert decided(changed=None, lastmod="2026-03-01") is Decision.SKIP


def test_the_site_is_asked_about_a_page_with_another_date() -> None:
    assert decided(lastmod="2026-03-09") is Decision.ASK
    assert decided(lastmod="2026-03-09", may_ask=False) is Decision.FETCH


def test_a_request_of_start_is_never_skipped() -> None:
    assert decided(lastmod="2026-03-01", changed=False, may_skip=False) is Decision.ASK


def test_a_page_without_validators_is_fetched() -> None:
    assert decided(replace(KNOWN, etag=None)) is Decision.FETCH


def test_the_http_cache_asks_the_site_itself() -> None:
    assert decided(settings=replace(SETTINGS, http_cache=True)) is Decision.FETCH


def test_an_adaptive_crawl_skips_a_page_until_its_interval_is_over() -> None:
    adaptive = replace(SETTINGS, mode=ADAPTIVE)
    soon, later = timedelta(minutes=59), timedelta(minutes=61)
    assert decided(settings=adaptive, after=soon, may_ask=False) is Decision.SKIP
    assert decided(settings=adaptive, after=later, may_ask=False) is Decision.FETCH
    assert decided(settings=adaptive, after=soon, lastmod="2026-03-10T12:01Z") is Decision.ASK
    assert decided(settings=adaptive, after=soon, changed=True) is Decision.FETCH
    assert decided(after=soon, may_ask=False) is Decision.FETCH  # DELTA=on


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        ({}, True),
        ({"version": b"w" * 20}, False),
        ({"run_id": 8}, False),  # this run
        ({"run_id": 5}, False),  # the last finished run, 6, did not have the page
        ({"fetched_at": FETCHED - 6 * DAY}, False),
        ({"fetched_at": FETCHED + 2 * DAY}, False),  # the clock was wrong
    ],
)
def test_when_the_output_of_the_last_time_may_stand_for_a_page(
    changes: dict[str, object], usable: bool
) -> None:
    known = replace(KNOWN, **changes)  # type: ignore[arg-type]
    found = is_usable(
        known, version=b"v" * 20, run_id=8, last_run=6, now=FETCHED + DAY, max_age=SETTINGS.max_age
    )
    assert found is usable


@pytest.mark.parametrize(
    ("lastmod", "end"),
    [
        ("2026", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("2026-12", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("2026-02-28", datetime(2026, 3, 1, 12, tzinfo=UTC)),  # a day ends last at UTC-12
        ("2026-02-28T10:00Z", datetime(2026, 2, 28, 10, 1, tzinfo=UTC)),
        ("2026-02-28T10:00:30.5+02:00", datetime(2026, 2, 28, 8, 0, 31, tzinfo=UTC)),
        ("2026-02-28T10:00:30", datetime(2026, 2, 28, 22, 0, 31, tzinfo=UTC)),
        ("2026-02-30", None),
        ("9999", None),
        ("yesterday", None),
        ("2026-02-28T10:00:00+99:99", None),
    ],
)
def test_the_end_of_the_time_that_a_date_names(lastmod: str, end: datetime | None) -> None:
    assert end_of(lastmod) == end


def test_a_page_that_was_fetched_on_the_day_of_its_date_may_have_changed_later_that_day() -> None:
    assert not is_unchanged_by("2026-03-10", replace(KNOWN, lastmod="2026-03-10"))
    assert is_unchanged_by("2026-03-08", replace(KNOWN, lastmod="2026-03-08"))
    assert not is_unchanged_by("2026-03-08", KNOWN)
    assert not is_unchanged_by(None, replace(KNOWN, lastmod=None))


@given(st.lists(st.booleans()))
def test_an_interval_stays_within_its_limits_and_grows_only_without_a_change(changes: list[bool]) -> None:
    longest = 7 * 24 * 3600.0
    interval = next_interval(None, changed=True, longest=longest)
    assert interval == FIRST
    for changed in changes:
        after = next_interval(interval, changed=changed, longest=longest)
        assert SHORTEST <= after <= longest
        assert after <= interval if changed else after >= interval
        interval = after


@pytest.mark.parametrize(
    ("given", "mode"), [("On", "on"), ("1", "on"), ("0", "off"), ("", "off"), ("ADAPTIVE", "adaptive")]
)
def test_the_modes(given: str, mode: str) -> None:
    assert mode_of(given) == mode


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="sometimes"):
        mode_of("sometimes")
