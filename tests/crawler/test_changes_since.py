"""``scrapy changes``: the datetime of ``--since``, and a table or a key that is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawler.commands.changes import datetime_of, no_change, table_of
from crawler.database_command import CommandFailed
from tests.crawls import scrapy
from tests.databases import make_file_with_tables


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


def test_a_table_that_is_not_there_is_answered_with_the_names_of_tables() -> None:
    assert table_of("Quote") == table_of("quote") == "quote"
    with pytest.raises(CommandFailed) as failure:
        table_of("quotee")
    before, _, tables = str(failure.value).partition("; there are ")
    assert before == "there is no table 'quotee'"
    assert "quote" in tables.split(", ") and "Quote" not in tables.split(", ")


def test_a_key_without_a_change_is_named_on_stderr(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    make_file_with_tables(url)
    for options in ((), ("--json",)):
        done = scrapy("changes", "quote", "--key", "nope", *options, DATABASE_URL=url)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.splitlines() == ["scrapy changes: no change of quote has the key 'nope'"]
    assert scrapy("changes", "quote", DATABASE_URL=url).stderr == ""


def test_the_options_that_leave_changes_out_are_named() -> None:
    assert no_change("a", None, since=None, run=None) == "no change has the key 'a'"
    assert no_change("a", "quote", since="today", run=2) == (
        "no change of quote with --since today and --run 2 has the key 'a'"
    )
