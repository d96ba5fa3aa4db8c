"""The decision about a page that an earlier run had: fetch it, ask whether it changed, or do not fetch it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum

from crawler.delta.settings import ADAPTIVE, DeltaSettings
from models.crawl_page import StoredPage


class Decision(Enum):
    FETCH = "fetch"
    ASK = "ask"  # a conditional request: the site answers 304 or the page
    SKIP = "skip"  # nothing is requested


def is_usable(
    known: StoredPage, *, version: bytes, run_id: int, last_run: int, now: datetime, max_age: timedelta
) -> bool:
    """Return whether the stored output of a page may stand for the page.

    Args:
        version: of the code that reads the page now.
        run_id: the run of this crawl. A second request for the same page in one run is fetched.
        last_run: the last finished run of the scope. Rows of a page that it did not have are gone.
    """
    return (
        known.version == version
        and known.run_id < run_id
        and known.run_id >= last_run
        and timedelta() <= now - known.fetched_at < max_age
    )


def decide(
    known: StoredPage,
    *,
    settings: DeltaSettings,
    now: datetime,
    lastmod: str | None,
    changed: bool | None,
    may_skip: bool,
    may_ask: bool,
) -> Decision:
    """Return what to do about a page whose stored output is usable.

    The spider's own answer comes first, then the sitemap's, then the interval, then the site's answer to a conditional
    request.

    Args:
        lastmod: of the sitemap now.
        changed: the answer of the spider's ``changed_since``; None if it does not know.
        may_skip: False for a request of ``start()``.
        may_ask: True for a plain request.
    """
    if changed:
        return Decision.FETCH
    if may_skip:
        if changed is False or is_unchanged_by(lastmod, known):
            return Decision.SKIP
        says_changed = lastmod is not None and lastmod != known.lastmod
        not_due = now < known.confirmed_at + timedelta(seconds=known.fetch_interval)
        if settings.mode == ADAPTIVE and not_due and not says_changed:
            return Decision.SKIP
    can_ask = may_ask and not settings.http_cache and bool(known.etag or known.last_modified)
    return Decision.ASK if can_ask else Decision.FETCH


def is_unchanged_by(lastmod: str | None, known: StoredPage) -> bool:
    """Return whether the sitemap says that the page is as it was.

    It must have the same date as at the last fetch, and the time that the date names must have been over then: a page
    may change twice on one day, and a date without a time is the same for both changes.
    """
    if lastmod is None or lastmod != known.lastmod:
        return False
    over = end_of(lastmod)
    return over is not None and over <= known.confirmed_at


# https://www.w3.org/TR/NOTE-datetime, the format of sitemaps.
DATETIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?"
)
WESTERNMOST = timezone(timedelta(hours=-12))  # a day ends here last


def end_of(lastmod: str) -> datetime | None:
    """Return the end of the year, month, day, minute or second that a sitemap's date names; None for other texts."""
    match = DATETIME.fullmatch(lastmod)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        if month is None:
            return datetime(int(year) + 1, 1, 1, tzinfo=WESTERNMOST)
        if day is None:
            first = datetime(int(year), int(month), 1, tzinfo=WESTERNMOST)
            return (first + timedelta(days=32)).replace(day=1)
        if hour is None:
            return datetime(int(year), int(month), int(day), tzinfo=WESTERNMOST) + timedelta(days=1)
        begin = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=_zone(zone)
        )
        return begin + (timedelta(minutes=1) if second is None else timedelta(seconds=1))
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    """Return the time zone of a date's text. A time without a zone may be of any: the westernmost is the last."""
    if text is None:
        return WESTERNMOST
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
