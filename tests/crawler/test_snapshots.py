"""Which pages have a snapshot, how long it stays, and what ``scrapy replay`` does with it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawler.page.snapshot_policy import NEVER_APPEARED, RAISED, REJECTED
from models import CrawlRequest, Quote, RejectedItem
from models.session import make_engine
from tests.crawls import scrapy


class Crawls:
    """Runs the spiders of ``tests.crawler.snapshot_spiders`` and ``scrapy replay`` in one folder."""

    def __init__(self, folder: Path, site: str) -> None:
        self.pages, self.site = folder / "pages", site
        self.url = f"sqlite:///{folder}/x.db"

    def scrapy(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        known = {
            "DATABASE_URL": self.url,
            "DEMO_URL": self.site,
            "KEPT_PAGES_FOLDER": str(self.pages),
        }
        return scrapy(*arguments, "-s", "SPIDER_MODULES=tests.crawler.snapshot_spiders", **known | env)

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


def test_a_replayed_page_is_done_when_its_callback_raises_nothing(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises")
    (facts,) = crawls.facts()
    assert facts["reason"] == RAISED and "no such button" in facts["why"][0]
    assert crawls.table(CrawlRequest.state, CrawlRequest.kept_page) == [("failed", "1/0")]
    assert crawls.scrapy("replay").returncode == 2
    replayed = crawls.scrapy("replay", PATCHED="1", DEMO_URL="http://127.0.0.1:9")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "1 links were found on these pages; the next crawl follows them" in replayed.stdout
    assert crawls.table(Quote.quote_id) == [(7,), (8,)]
    assert crawls.table(CrawlRequest.state, CrawlRequest.error) == [("done", None)]
    assert "0 pages were parsed again" in crawls.scrapy("replay").stdout


def test_snapshots_of_a_crawl_have_no_cookies_and_credentials(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises")
    saved = b"".join(file.read_bytes() for file in crawls.pages.rglob("*") if file.is_file())
    assert b"parse_list" in saved
    assert b"secret" not in saved and b"c2VjcmV0" not in saved
    assert all(file.stat().st_mode & 0o077 == 0 for file in crawls.pages.glob("*/*"))


def test_a_resume_requests_the_links_of_a_replayed_page(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises", UNFINISHED="1")
    replayed = crawls.scrapy("replay", PATCHED="1")
    assert replayed.returncode == 0
    assert "1 of these pages are fetched again for their links when their run is resumed" in replayed.stdout
    assert crawls.table(Quote.quote_id) == [(7,), (8,)]
    crawls.scrapy("crawl", "raises", UNFINISHED="1", PATCHED="1")
    found = crawls.table(CrawlRequest.run_id, CrawlRequest.state, CrawlRequest.kept_page)
    assert found == [(1, "done", None), (1, "done", None)]


def test_a_replay_stores_valid_items_and_leaves_the_others_rejected(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "partly")
    replayed = crawls.scrapy("replay", "partly", PATCHED="1")
    assert replayed.returncode == 2 and "author is missing" in replayed.stdout
    assert sorted(crawls.table(Quote.quote_id)) == [(1,), (2,)]
    left = crawls.table(RejectedItem.item, RejectedItem.replayed_at)
    assert [(item["quote_id"], at is None) for item, at in left] == [(2, False), (3, True)]


def test_a_replay_does_not_overwrite_rows_of_a_later_crawl(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "partly")
    crawls.scrapy("crawl", "partly", PATCHED="1")
    replayed = crawls.scrapy("replay", "partly", "--run", "1", PATCHED="1")
    assert "2 rows were not changed: a later crawl has seen them" in replayed.stdout
    assert {run_id for (run_id,) in crawls.table(Quote.run_id)} == {2}


def test_a_login_page_has_no_snapshot(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "session")
    assert crawls.table(CrawlRequest.state, CrawlRequest.kept_page) == [("refused", None)]
    assert not crawls.pages.exists()


def test_a_resumed_run_has_the_newest_snapshots_of_each_reason(crawls: Crawls) -> None:
    for stop_after in ("10", "0"):
        crawls.scrapy("crawl", "many_bad", "-s", f"CLOSESPIDER_PAGECOUNT={stop_after}", KEPT_PAGES="2")
    numbers_by_reason: dict[str, list[int]] = {}
    for facts in crawls.facts():
        numbers_by_reason.setdefault(facts["reason"], []).append(int(facts["name"].partition("/")[2]))
    found = {reason: sorted(numbers) for reason, numbers in numbers_by_reason.items()}
    # The second crawl requested the failed pages again, after the remaining ones.
    assert len(found[RAISED]) == 2 and found[REJECTED] == [17, 19]
    assert len(list(crawls.pages.glob("1/*.html"))) == 4


def test_a_run_without_rows_has_snapshots_of_empty_pages(crawls: Crawls) -> None:
    replayed = crawls.scrapy("crawl", "empty", PATCHED="1")
    assert replayed.returncode == 0 and crawls.facts() == [], replayed.stderr
    done = crawls.scrapy("crawl", "empty")
    assert done.returncode == 2
    assert [facts["reason"] for facts in crawls.facts()] == ["empty"] * 3
    file = crawls.pages / "2" / "0.html"
    assert f"scrapy shell {file}" in done.stderr and file.is_file()
    assert "when the spider is fixed" not in done.stderr


def test_a_page_has_no_snapshot_if_they_are_off_or_it_is_too_large(crawls: Crawls) -> None:
    crawls.scrapy("crawl", "raises", KEPT_PAGES="0")
    crawls.scrapy("crawl", "raises", KEPT_PAGE_BYTES="100")
    assert crawls.table(CrawlRequest.kept_page) == [(None,), (None,)]
    assert not crawls.pages.exists()


def test_a_crawl_continues_if_the_folder_cannot_be_written(crawls: Crawls) -> None:
    crawls.pages.write_text("a file is in the way")
    done = crawls.scrapy("crawl", "many_bad")
    assert done.stderr.count("snapshots cannot be saved") == 1
    assert {state for (state,) in crawls.table(CrawlRequest.state)} == {"done", "failed"}
    assert len(crawls.table(RejectedItem.id)) == 13


def test_a_page_without_its_element_is_replayed_by_the_fixed_spider(crawls: Crawls, renderer: str) -> None:
    crawls.scrapy("crawl", "never", SPLASH_URL=renderer)
    assert [facts["reason"] for facts in crawls.facts()] == [NEVER_APPEARED] * 2
    assert len(list(crawls.pages.glob("1/*.png"))) == 2
    replayed = crawls.scrapy("replay", "--reason", NEVER_APPEARED, PATCHED="1", SPLASH_URL="")
    # The page /never has no such element, so its callback yields nothing and it stays failed.
    assert replayed.returncode == 2 and "/never: it yields neither a row nor a link" in replayed.stdout
    assert len(crawls.table(Quote.quote_id)) >= 10
    assert sorted(state for (state,) in crawls.table(CrawlRequest.state)) == ["done", "failed"]


@pytest.mark.parametrize("arguments", [("nobody",), ("--page", "../../etc/passwd"), ("a", "b")])
def test_a_wrong_use_of_replay_is_one_error_line(crawls: Crawls, arguments: tuple[str, ...]) -> None:
    done = crawls.scrapy("replay", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("scrapy replay: ") and done.stderr.count("\n") == 1
