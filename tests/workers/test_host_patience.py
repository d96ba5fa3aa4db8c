"""A shared run whose pages all wait for their host: its workers end, as a crawl of one process does."""

from __future__ import annotations

from typing import Any

import pytest

from frontier.end_of_run import EndOfRun
from models.shared_run import RunPart
from tests.conftest import empty
from tests.crawler.polite_site import Answer, crawl, last_run, polite_site, quote_page
from tests.services import service
from tests.workers.test_engines import RUN
from tests.workers.test_shared_run import Writer


def test_a_worker_ends_if_all_pages_that_are_left_wait_longer_than_host_patience() -> None:
    url = service("TEST_POSTGRESQL_URL", "PostgreSQL")
    empty(url)
    with polite_site() as site:
        site.answers = {"/start": [Answer(503, headers={"Retry-After": "7200"}), quote_page(1)]}
        for asked in (["/robots.txt", "/start"], []):  # the second worker finds the request in the table only
            done = crawl(site, url, "--shared", WORKERS_URL="")
            assert done.returncode == 4, done.stderr
            assert [path for path, _ in site.asked] == asked
            site.asked.clear()
            run = last_run(url)
            assert run["exit_code"] == 4 and run["finished_at"] is None
            assert f"127.0.0.1:{site.port} asked to wait until " in run["reasons"][0]


def test_a_worker_waits_until_all_have_been_idle_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker may have requests in its partitions that it has not found yet."""
    now = [100.0]
    monkeypatch.setattr("frontier.end_of_run.time.monotonic", lambda: now[0])
    written: Any = Writer()
    end = EndOfRun(RUN, writer=lambda: written, wake=lambda: None)
    found = []
    for part, seconds in (
        (RunPart.STUCK, 2.0),
        (RunPart.WAIT, 2.0),
        (RunPart.STUCK, 2.0),
        (RunPart.STUCK, 2.0),
        (RunPart.STUCK, 0.0),
    ):
        end.note(part)
        now[0] += seconds
        found.append(end.is_stuck)
    assert found == [False, False, False, True, True]
    end.ask()
    end.begun()
    assert not end.is_stuck
