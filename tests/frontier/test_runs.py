"""What becomes of a run's requests, seen from the command line and in the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRequest, CrawlRun, Order
from models.session import make_engine
from tests.crawls import scrapy
from tests.frontier.run_crawls import Runs


@pytest.fixture
def runs(tmp_path: Path, demo_site: str) -> Runs:
    return Runs(tmp_path, demo_site)


@pytest.mark.parametrize("window", [1000, 20])
def test_requests_leave_in_scrapys_order_wherever_they_wait(runs: Runs, window: int) -> None:
    done = runs.crawl("many", "-s", f"FRONTIER_WINDOW={window}")
    assert done.returncode == 0, done.stderr
    asked = [tuple(map(int, said.split(","))) for said in runs.asked[1:]]
    assert len(asked) == 200
    assert asked == sorted(asked, reverse=True)


def test_a_request_that_has_to_wait_is_made_later(runs: Runs) -> None:
    done = runs.crawl("late")
    assert done.returncode == 0, done.stderr
    assert runs.asked == ["one", "two", "late"]


def test_what_cannot_be_stored_is_refused_with_its_key_and_its_line(runs: Runs) -> None:
    done = runs.crawl("unstorable")
    line = next(
        number
        for number, text in enumerate((Path(__file__).parent / "run_spiders.py").read_text().splitlines(), 1)
        if '"bad"' in text
    )
    assert "meta['response']" in done.stderr
    assert f"(yielded at run_spiders.py, line {line})" in done.stderr
    assert runs.asked == ["list", "before"]
    state, error = runs.states()["list"]
    assert state == "failed" and error and "meta['response']" in error


def test_a_page_that_failed_is_taken_up_again_by_the_next_crawl(runs: Runs) -> None:
    runs.crawl("start_raises")
    assert runs.table(CrawlRun, "finished_at") == [(None,)]
    again = runs.crawl("start_raises", MENDED="1")
    assert again.returncode == 0, again.stderr
    assert runs.asked == ["two"]  # the first one was done
    assert [reason for (reason,) in runs.table(CrawlRun, "finish_reason")] == ["finished"]


def test_fresh_begins_anew_and_says_what_it_leaves(runs: Runs) -> None:
    runs.crawl("start_raises")
    again = runs.crawl("start_raises", "--fresh", MENDED="1")
    assert again.returncode == 0, again.stderr
    assert (
        "run 1 is given up, with 0 pages that were not fetched and 0 that failed; 1 were done" in again.stderr
    )
    assert runs.asked == ["one", "two"]
    assert runs.table(CrawlRun, "id", "finish_reason") == [(1, "given up"), (2, "finished")]


def test_every_request_keeps_what_became_of_it(runs: Runs) -> None:
    runs.crawl("turns")
    states = runs.states()
    assert states["good"] == ("done", None)
    assert states["gone"] == ("skipped", "HTTP 404")
    assert states["offsite"][0] == "skipped" and "offsite" in str(states["offsite"][1]).lower()
    assert states["refused"][0] == "failed" and "refused" in str(states["refused"][1]).lower()
    assert runs.asked.count("refused") == 2  # once and one retry, one entry


def test_a_resumed_run_logs_in_again_before_it_goes_on(
    tmp_path: Path, demo_site: str, chromium_renderer: str
) -> None:
    known = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/orders.db",
        "DEMO_URL": demo_site,
        "SPLASH_URL": chromium_renderer,
    }
    first = scrapy("crawl", "orders", "-s", "CLOSESPIDER_PAGECOUNT=2", **known)
    assert "closespider_pagecount" in first.stderr
    rest = scrapy("crawl", "orders", **known)
    assert "is resumed" in rest.stderr
    engine = make_engine(known["DATABASE_URL"])
    with Session(engine) as session:
        assert len(session.scalars(select(Order)).all()) == 60
        stored = " ".join(filter(None, session.scalars(select(CrawlRequest.request))))
    engine.dispose()
    assert '"password"' not in stored
