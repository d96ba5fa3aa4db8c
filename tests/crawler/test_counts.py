"""The counts of a run: the summary, ``scrapy runs``, Scrapy's stats and the metrics have the same numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crawler.page.commit import Commit
from crawler.page.page import Page
from crawler.page.row import ValidRow
from crawler.run.extension import stats_of
from crawler.run.summary import counts_line, problems_of
from crawler.run.verdict import Verdict, merged_line
from models import Book, Quote, Review
from models.run_failures import Ignored
from models.run_stats import RunStats, count_run
from tests.crawler.book_items import book
from tests.crawler.fake_shop_site import fake_shop, quotes
from tests.crawler.metrics_crawls import MetricsCrawls
from tests.crawls import scrapy
from tests.pipelines.runs import Run, page


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricsCrawls]:
    """Crawl a site with a run of two processes, and then with a second run."""
    with fake_shop() as site:
        folder: Path = tmp_path_factory.mktemp("counts")
        site.fill(6)
        site.pages["/start"]["pages"] += ["/nowhere", "/lost"]
        site.pages["/2"]["items"] += quotes(2, 3, tags="new")
        crawls = MetricsCrawls(folder, site)
        crawls.crawl("-s", "CLOSESPIDER_PAGECOUNT=3", "-s", "CONCURRENT_REQUESTS=1")
        crawls.first = crawls.crawl().stderr  # type: ignore[attr-defined]
        crawls.first_metrics = crawls.last()  # type: ignore[attr-defined]
        crawls.second = crawls.crawl().stderr  # type: ignore[attr-defined]
        yield crawls


@pytest.mark.parametrize(
    ("which", "pages", "changes"),
    [
        ("first", "4 done, 0 failed, 2 skipped", "6 created"),
        ("second", "4 done, 0 failed, 2 skipped", "6 unchanged"),
    ],
)
def test_the_summary_has_the_counts_of_the_run_over_all_of_its_processes(
    shop: MetricsCrawls, which: str, pages: str, changes: str
) -> None:
    said = getattr(shop, which)
    assert f"shop: pages: {pages}; rows: 6 (6 quote); changes: {changes}; rejected: 0 (finished)" in said


def test_the_runs_command_the_stats_and_the_metrics_have_the_same_counts(shop: MetricsCrawls) -> None:
    listed = [json.loads(line) for line in scrapy("runs", "--json", **shop.env).stdout.splitlines()]
    second, first = (run["counts"] for run in listed)
    assert first["pages"] == second["pages"] == {"done": 4, "skipped": 2}
    assert first["rows"] == second["rows"] == {"quote": 6}
    assert first["changes"] == {"quote/created": 6} and second["changes"] == {"quote/unchanged": 6}
    assert first["merged"] == second["merged"] == 2
    for metrics, created, unchanged in ((shop.first_metrics, 6, 0), (shop.last(), 0, 6)):  # type: ignore[attr-defined]
        assert metrics["last_run_rows created quote"] == created
        assert metrics["last_run_rows unchanged quote"] == unchanged
        assert metrics["last_run_pages done"] == 4 and metrics["last_run_pages skipped"] == 2
    stats = shop.second  # type: ignore[attr-defined]
    for name, number in (
        ("rows/quote/unchanged", 6),
        ("rows/stored", 6),
        ("pages/done", 4),
        ("items/merged", 2),
    ):
        assert re.search(rf"'{name}': {number}\b", stats), name


def test_the_crawl_counts_merged_items_and_names_one(shop: MetricsCrawls) -> None:
    said = shop.first  # type: ignore[attr-defined]
    assert "/2: 2 items had the key of another item of this page" in said and "Quote(quote_id=2)" in said
    assert merged_line(2) in said
    assert "2 items had the key of another item" in scrapy("runs", "show", "1", **shop.env).stdout


def test_the_crawl_names_ignored_pages(shop: MetricsCrawls) -> None:
    site = shop.site.url
    assert f"ignored: 2 pages with status 404: {site}/nowhere, {site}/lost" in shop.second  # type: ignore[attr-defined]
    shown = scrapy("runs", "show", "2", **shop.env).stdout
    assert f"ignored   {site}/nowhere: HTTP 404" in shown


def test_the_first_run_notes_that_it_is_compared_with_nothing(shop: MetricsCrawls) -> None:
    said = "the first run with these arguments: there is no earlier run to compare its rows and columns with"
    assert said in shop.first and said not in shop.second  # type: ignore[attr-defined]
    assert said in scrapy("runs", "show", "1", **shop.env).stdout


def test_the_summary_has_a_line_for_each_problem() -> None:
    stats = {
        "spider_exceptions/count": 5,
        "spider_exceptions/KeyError": 1,
        "spider_exceptions/ValueError": 4,
        "httperror/response_ignored_status_count/404": 7,
        "retry/max_reached": 2,
    }
    ignored = (Ignored(status=404, pages=1, urls=("u",)), Ignored(status=500, pages=5, urls=("a", "b", "c")))
    verdict = Verdict(code=0, counts=RunStats(merged=3), ignored=ignored)
    assert problems_of(verdict, stats) == [
        "ignored: 1 page with status 404: u",
        "ignored: 5 pages with status 500: a, b, c and 2 more",
        "raised in the spider: KeyError, once",
        "raised in the spider: ValueError, 4 times",
        "given up after all retries: 2 requests",
        merged_line(3),
    ]


def test_the_summary_line_leaves_out_empty_counts() -> None:
    empty = RunStats(pages={"done": 1, "queued": 2, "leased": 1})
    assert counts_line(empty) == "pages: 1 done, 0 failed, 0 skipped, 3 left; rows: 0; rejected: 0"
    full = RunStats(
        rows={"book": 2, "review": 3},
        changes={"book/created": 2, "review/created": 1, "review/unchanged": 2},
        rejected={"book": 1},
    )
    assert counts_line(full).endswith(
        "rows: 5 (2 book, 3 review); changes: 3 created, 2 unchanged; rejected: 1"
    )


def test_the_stats_at_the_end_of_a_process_are_the_counts_of_the_run() -> None:
    counts = RunStats(pages={"done": 2}, rows={"book": 2}, changes={"book/created": 2})
    stats = stats_of(counts, history=True)
    assert stats["rows/book/created"] == 2 and stats["rows/book/unchanged"] == 0
    assert "rows/book/unchanged" not in stats_of(counts, history=False)


def test_child_rows_count_as_rows_and_a_row_that_changed_twice_is_not_unchanged(engine: Engine) -> None:
    first = Run(engine)
    first.commit(page((Book, book("a", "x", "y")), (Book, book("b"))), page((Quote, quotes(1)[0])))
    first.commit(page((Book, book("a", "x"))))  # y is gone in the run that created it
    first.finish()
    with first.sessions() as session:
        counts = count_run(session, first.claimed.id)
    assert counts.rows == {"book": 2, "quote": 1, "review": 1}
    assert counts.changes == {"book/created": 2, "quote/created": 1, "review/created": 2, "review/gone": 1}
    second = Run(engine)
    for stock in (2, 3):
        second.commit(page((Book, book("a", "x") | {"stock": stock}), (Book, book("b"))))
    second.finish(gone_limit=1)
    with second.sessions() as session:
        counts = count_run(session, second.claimed.id)
        without = count_run(session, second.claimed.id, history=False)
    assert counts.rows == {"book": 2, "review": 1}
    assert counts.changes["book/changed"] == 2 and counts.changes["book/unchanged"] == 1
    assert counts.changes["review/unchanged"] == 1 and counts.changes["quote/gone"] == 1
    assert "book/unchanged" not in without.changes


def test_a_page_counts_rows_and_children_that_share_a_key() -> None:
    commits: list[Commit] = []
    found = Page(7, "http://shop/", commits.append)
    review = {"sku": "a", "reviewer": "x", "stars": 1, "body": "b", "posted": date(2026, 1, 2)}
    found.store(ValidRow(Book, {"sku": "a"}, {"reviews": [review, review | {"stars": 2}]}))
    found.store(ValidRow(Review, review))
    found.store(ValidRow(Book, {"sku": "b"}))
    found.store(ValidRow(Book, {"sku": "a"}))
    found.exhausted()
    (commit,) = commits
    assert commit.settled is not None and commit.settled.merged == 2
    assert str(found.merged_row) == "Book(sku='a')"
