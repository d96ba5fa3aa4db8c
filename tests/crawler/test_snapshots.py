"""Which pages are kept, for how long, and what becomes of them, from the command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawler.kept_page import NEVER_APPEARED, RAISED, REJECTED
from models import CrawlRequest, Quote, RejectedItem
from models.session import make_engine
from tests.crawls import scrapy


class Crawls:
    """Crawls by the spiders of ``kept_spiders``, and replays."""

    def __init__(self, folder: Path, site: str) -> None:
        self.pages, self.site = folder / "pages", site
        self.url = f"sqlite:///{folder}/x.db"

    def scrapy(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        known = {
            "DATABASE_URL": self.url,
            "DEMO_URL": self.site,
            "KEPT_PAGES_FOLDER": str(self.pages),
        }
        return scrapy(*arguments, "-s", "SPIDER_MODULES=tests.crawler.kept_spiders", **known | env)

    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in sorted(self.pages.glob("*/*.json"))]

    def table(self, *columns: Any) -> list[tuple[Any, ...]]:
        engine = make_engine(self.url)
        with Session(engine) as session:
            rows = [tuple(row) for row in session.execute(select(*columns))]
        engine.dispose()
        return rows


@pytest.fixture
def crawls(tmp_path: Path, demo_site: str) -> Crawls:
    return Crawls(tmp_path, demo_site)


def test_a_page_whose_callback_raised_is_done_once_it_runs_through(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises")
    (facts,) = crawls.facts()
    assert facts["reason"] == RAISED and "no such button" in facts["why"][0]
    assert crawls.table(CrawlRequest.state, CrawlRequest.kept_page) == [("failed", "1/0")]
    assert crawls.scrapy("replay").returncode == 2
    mended = crawls.scrapy("replay", MENDED="1", DEMO_URL="http://127.0.0.1:9")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "1 links were found on them, and are left to the next crawl" in mended.stdout
    assert crawls.table(Quote.quote_id) == [(7,), (8,)]
    assert crawls.table(CrawlRequest.state, CrawlRequest.error) == [("done", None)]
    assert "0 pages were read again" in crawls.scrapy("replay").stdout


def test_cookies_and_credentials_are_not_kept(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises")
    kept = b"".join(file.read_bytes() for file in crawls.pages.rglob("*") if file.is_file())
    assert b"parse_list" in kept
    assert b"secret" not in kept and b"c2VjcmV0" not in kept
    assert all(file.stat().st_mode & 0o077 == 0 for file in crawls.pages.glob("*/*"))


def test_the_links_of_a_page_are_not_lost_to_a_run_that_will_be_resumed(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises", UNFINISHED="1")
    mended = crawls.scrapy("replay", MENDED="1")
    assert mended.returncode == 0
    assert "1 of these pages are fetched again when their run is resumed" in mended.stdout
    assert crawls.table(Quote.quote_id) == [(7,), (8,)]
    crawls.scrapy("crawl", "raises", UNFINISHED="1", MENDED="1")
    found = crawls.table(CrawlRequest.run_id, CrawlRequest.state, CrawlRequest.kept_page)
    assert found == [(1, "done", None), (1, "done", None)]


def test_of_a_page_what_is_fit_is_stored_and_the_rest_stays_rejected(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "partly")
    mended = crawls.scrapy("replay", "partly", MENDED="1")
    assert mended.returncode == 2 and "author is missing" in mended.stdout
    assert sorted(crawls.table(Quote.quote_id)) == [(1,), (2,)]
    left = crawls.table(RejectedItem.item, RejectedItem.replayed_at)
    assert [(item["quote_id"], at is None) for item, at in left] == [(2, False), (3, True)]


def test_what_a_later_crawl_has_seen_is_not_overwritten(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "partly")
    crawls.scrapy("crawl", "partly", MENDED="1")
    mended = crawls.scrapy("replay", "partly", "--run", "1", MENDED="1")
    assert "2 rows were left as they are: a later crawl has seen them since" in mended.stdout
    assert {run_id for (run_id,) in crawls.table(Quote.run_id)} == {2}


def test_a_page_that_logs_in_is_never_kept(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "session")
    assert crawls.table(CrawlRequest.state, CrawlRequest.kept_page) == [("failed", None)]
    assert not crawls.pages.exists()


def test_the_newest_of_each_reason_are_kept_also_when_a_run_is_resumed(crawls: Crawls) -> None:
    for stop_after in ("10", "0"):
        crawls.scrapy("crawl", "many_bad", "-s", f"CLOSESPIDER_PAGECOUNT={stop_after}", KEPT_PAGES="2")
    kept: dict[str, list[int]] = {}
    for facts in crawls.facts():
        kept.setdefault(facts["reason"], []).append(int(facts["name"].partition("/")[2]))
    by_number = {reason: sorted(numbers) for reason, numbers in kept.items()}
    # Those that failed were taken up again by the second crawl, after what was left.
    assert len(by_number[RAISED]) == 2 and by_number[REJECTED] == [17, 19]
    assert len(list(crawls.pages.glob("1/*.html"))) == 4


def test_none_is_kept_where_none_is_wanted_or_it_is_too_large(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises", KEPT_PAGES="0")
    crawls.scrapy("crawl", "raises", KEPT_PAGE_BYTES="100")
    assert crawls.table(CrawlRequest.kept_page) == [(None,), (None,)]
    assert not crawls.pages.exists()


def test_a_folder_that_cannot_be_written_does_not_hurt_the_crawl(crawls: Crawls) -> None:
    crawls.pages.write_text("a file is in the way")
    done = crawls.scrapy("crawl", "many_bad")
    assert done.stderr.count("pages that could not be read cannot be kept") == 1
    assert {state for (state,) in crawls.table(CrawlRequest.state)} == {"done", "failed"}
    assert len(crawls.table(RejectedItem.id)) == 13


def test_a_page_on_which_nothing_appeared_is_read_when_the_name_is_mended(
    crawls: Crawls, renderer: str
) -> None:
    crawls.scrapy("crawl", "never", SPLASH_URL=renderer)
    assert [facts["reason"] for facts in crawls.facts()] == [NEVER_APPEARED] * 2
    assert len(list(crawls.pages.glob("1/*.png"))) == 2
    mended = crawls.scrapy("replay", "--reason", NEVER_APPEARED, MENDED="1", SPLASH_URL="")
    # The page that shows nothing at all gives nothing, and stays failed.
    assert mended.returncode == 2 and "/never: it gives neither a row nor a link" in mended.stdout
    assert len(crawls.table(Quote.quote_id)) >= 10
    assert sorted(state for (state,) in crawls.table(CrawlRequest.state)) == ["done", "failed"]


@pytest.mark.parametrize("arguments", [("nobody",), ("--page", "../../etc/passwd"), ("a", "b")])
def test_what_cannot_be_replayed_is_a_line(crawls: Crawls, arguments: tuple[str, ...]) -> None:
    done = crawls.scrapy("replay", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("scrapy replay: ") and done.stderr.count("\n") == 1
