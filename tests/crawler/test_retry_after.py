"""Retry-After: its meaning, the wait of the host, and that the wait survives the crawl's death; back-off without it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crawler.page.retry_after import retry_after
from models import CrawlHost
from models.session import make_engine
from tests.crawler.polite_site import (
    Answer,
    PoliteSite,
    crawl,
    last_run,
    last_run_with_pages,
    polite_site,
    quote_page,
    start,
)
from tests.crawler.shop_crawls import wait_for

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120.0),
        (b" 0 ", 0.0),
        (b"Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        (b"Sunday, 01-Mar-26 12:01:30 GMT", 90.0),
        (b"Sun Mar  1 12:01:30 2026", 90.0),
        (b"Sun, 01 Mar 2026 11:00:00 GMT", 0.0),  # in the past
        (b"9" * 400, 10.0**9),
        (b"-5", None),
        (b"soon", None),
        ("１２".encode(), None),
        (b"", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: bytes | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


# --- Crawls ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[PoliteSite]:
    with polite_site() as made:
        yield made


def test_a_host_is_not_asked_before_retry_after_and_other_hosts_are(site: PoliteSite, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    pages = [f"/{number}" for number in range(1, 7)]
    others = [f"{site.other_url}/other{number}" for number in range(3)]
    site.answers = {path: [quote_page(number)] for number, path in enumerate(pages, 1)}
    site.answers |= {f"/other{number}": [quote_page(100 + number)] for number in range(3)}
    site.answers["/start"] = [
        quote_page(0, *others, *pages, "/limited")
    ]  # the last link is the first request
    site.answers["/limited"] = [Answer(429, headers={"Retry-After": "6"}), quote_page(50)]
    slow = "-s", "DOWNLOAD_SLOTS={}", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1", "-s", "DOWNLOAD_DELAY=0.4"
    done = crawl(site, url, *slow)
    assert done.returncode == 0, done.stderr
    limited, again = site.asks_for("/limited")
    assert again - limited >= 6
    # All pages are in Scrapy's download queue when the host asks to wait. One may be sent before its answer is read.
    meanwhile = [path for path, when in site.asked if limited < when < limited + 5.9]
    assert len([path for path in meanwhile if path in pages]) <= 1
    # The first page of the other host may be sent just before the page whose answer asks to wait.
    others_asked = [(path, when) for path, when in site.asked if "/other" in path]
    assert [path for path, when in others_asked if when < limited + 5.9] == ["/other2", "/other1", "/other0"]
    assert others_asked[1][1] > limited
    assert last_run(url)["counts"]["pages"] == {"done": 11}


def test_a_killed_crawl_and_the_next_ones_ask_the_host_only_after_its_time(
    site: PoliteSite, database_url: str
) -> None:
    site.answers = {"/start": [Answer(503, headers={"Retry-After": "7200"}), quote_page(1)]}
    process = start(site, database_url, HOST_PATIENCE="9000")
    engine = make_engine(database_url)
    try:
        with Session(engine) as session:

            def stored() -> bool:
                session.rollback()
                return session.scalar(select(CrawlHost.host)) is not None

            wait_for(stored, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        site.asked.clear()

        done = crawl(site, database_url)  # HOST_PATIENCE is shorter than the wait
        assert done.returncode == 4, done.stderr
        assert site.asked == []
        run = last_run(database_url)
        assert run["exit_code"] == 4 and run["finished_at"] is None
        assert f"127.0.0.1:{site.port} asked to wait until " in run["reasons"][0]
        assert "HOST_PATIENCE" in run["reasons"][0]

        with Session(engine) as session:
            session.execute(update(CrawlHost).values(not_before=datetime.now(UTC) - timedelta(seconds=1)))
            session.commit()
        assert crawl(site, database_url).returncode == 0
        assert last_run(database_url)["counts"]["pages"] == {"done": 1}
    finally:
        process.kill()
        process.wait()
        engine.dispose()


def test_a_wait_is_limited_and_a_host_that_always_asks_to_wait_fails_its_page(
    site: PoliteSite, tmp_path: Path
) -> None:
    site.answers = {"/start": [Answer(429, headers={"Retry-After": "86400"})]}
    url = f"sqlite:///{tmp_path}/x.db"
    done = crawl(site, url, RETRY_AFTER_LIMIT="0.1", RETRY_TIMES="0", MIN_ROWS="0")
    assert done.returncode == 2, done.stderr
    assert "asks to wait 86400 s, which is limited to 0.1 s (RETRY_AFTER_LIMIT)" in done.stderr
    assert last_run_with_pages(url)["ignored_pages"] == [
        {"status": 429, "pages": 1, "urls": [f"{site.url}/start"]}
    ]
    assert len(site.asks_for("/start")) == 6


def test_a_rendered_page_waits_as_a_plain_one(site: PoliteSite, renderer: str, tmp_path: Path) -> None:
    date = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    site.answers = {"/start": [Answer(503, "<html><body>busy</body></html>", {"Retry-After": date})]}
    url = f"sqlite:///{tmp_path}/x.db"
    began = time.time()
    done = crawl(site, url, "-s", "RENDERED=1", SPLASH_URL=renderer, HOST_PATIENCE="60")
    assert done.returncode == 4, done.stderr
    assert len(site.asks_for("/start")) == 1
    engine = make_engine(url)
    with Session(engine) as session:
        host, until = session.execute(select(CrawlHost.host, CrawlHost.not_before)).one()
    engine.dispose()
    assert host == f"127.0.0.1:{site.port}"
    assert until.timestamp() >= began + 3590


def test_a_host_backs_off_without_retry_after(site: PoliteSite, tmp_path: Path) -> None:
    site.answers = {"/start": [Answer(503), Answer(429), quote_page(1)]}
    url = f"sqlite:///{tmp_path}/x.db"
    done = crawl(site, url)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("backing off, no request to 127.0.0.1") == 2
    first, second, third = site.asks_for("/start")
    assert second - first >= 0.5 and third - second >= 1
    assert last_run(url)["counts"]["pages"] == {"done": 1}
