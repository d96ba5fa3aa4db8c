"""``scrapy changes --since``: from which datetime on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crawler.commands.changes import datetime_of
from crawler.database_command import CommandFailed


def test_a_day_begins_at_midnight() -> None:
    before = datetime.now(UTC)
    today, yesterday = datetime_of("today"), datetime_of("Yesterday")
    after = datetime.now(UTC)
    assert today.date() in (before.date(), after.date())
    assert (today.hour, today.minute, today.second, today.microsecond) == (0, 0, 0, 0)
    assert today - yesterday == timedelta(days=1)


def test_a_datetime_has_its_time() -> None:
    assert datetime_of("2026-05-01 12:30") == datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    with pytest.raises(CommandFailed, match="is no date or time"):
        datetime_of("soon-ish")
