"""``scrapy crawl NAME --pages N``: a run of at most N pages, with which no later run is compared."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.commands.crawl import number_of_pages
from tests.crawler.fake_shop_site import fake_shop
from tests.crawler.shop_crawls import ShopCrawls, wait_for
from tests.crawls import scrapy

MODULES = ("-s", "SPIDER_MODULES=tests.crawler.trial_spiders")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopCrawls]:
    with fake_shop() as site:
        yield ShopCrawls(site, f"sqlite:///{tmp_path}/shop.db")


def test_a_trial_crawls_so_many_pages_and_no_run_is_compared_with_it(
    shop: ShopCrawls, tmp_path: Path
) -> None:
    shop.site.fill(24, tags="old")
    assert shop.crawl().returncode == 0
    shop.site.fill(24, tags=None)
    metrics = tmp_path / "metrics"
    trial = shop.crawl("--pages", "8", "-s", "MIN_ROWS=24", METRICS_FOLDER=str(metrics))
    assert trial.returncode == 0, trial.stderr  # a part of the rows may well be without tags
    assert len(shop.site.asked) == 8 and "good, a trial of 8 pages (exit code 0)" in trial.stderr
    assert not metrics.exists()  # its files are about whole runs
    bad = shop.crawl()
    assert bad.returncode == 2 and "if this is right: scrapy runs accept 3" in bad.stderr
    assert len(shop.site.asked) == 13  # the requests that the trial left are not resumed
    _, tried, whole = shop.all_runs()
    assert tried.trial_pages == 8 and tried.finished_at is not None
    assert tried.note is not None and tried.note.startswith(
        "a trial of 8 pages: 5 requests are left; no crawl resumes the trial; no row is marked as gone; "
        "quote.tags has a value in 0% of the rows, 100% in the last good runs"
    )
    assert all("quote/gone" not in run.counts["changes"] for run in (tried, whole) if run.counts)
    assert "100% in the last good runs" in shop.runs()[2][1]  # as if there had been no trial


def test_an_interrupted_run_is_resumed_as_if_there_had_been_no_trial(shop: ShopCrawls) -> None:
    shop.site.fill(40)
    assert shop.crawl("-s", "CLOSESPIDER_PAGECOUNT=15", "-s", "CONCURRENT_REQUESTS=1").returncode == 4
    before = set(shop.site.asked)
    assert shop.crawl("--pages", "6").returncode == 0
    assert len(before & set(shop.site.asked)) > 1  # the trial has seen rows of the interrupted run again
    done = shop.crawl("-s", "MIN_ROWS=40")
    assert done.returncode == 0, done.stderr
    assert before.isdisjoint(shop.site.asked)
    interrupted, _ = shop.all_runs()
    assert interrupted.counts is not None and interrupted.counts["rows"] == {"quote": 40}
    assert "quote/gone" not in interrupted.counts["changes"]


def test_no_crawl_resumes_a_killed_trial(shop: ShopCrawls) -> None:
    shop.site.fill(20)
    shop.site.held["/10"] = threading.Event()
    process = shop.start("--pages", "9")
    shop.until_asked("/10", process)
    wait_for(lambda: len(shop.stored()) >= 14, process)
    assert shop.crawl().returncode == 75  # the trial and the crawl would ask the site at the same time
    process.kill()
    process.communicate()
    shop.site.held["/10"].set()
    assert shop.crawl().returncode == 0
    assert len(shop.site.asked) == 11 and len(shop.stored()) == 20
    trial, whole = shop.all_runs()
    assert (trial.finish_reason, trial.unfinished, whole.verdict) == ("given up", None, 0)
    assert trial.note == "a trial of 9 pages, whose process died; the pages that it committed are stored"


@pytest.mark.parametrize("text", ["0", "-1", "abc", "", "1.5", "3000000000", "٣"])
def test_a_wrong_number_of_pages_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 1 to 2147483647"):
        number_of_pages(text)


def test_a_trial_cannot_give_up_the_interrupted_run(shop: ShopCrawls) -> None:
    done = shop.crawl("--pages", "2", "--fresh")
    message = "argument --fresh: not allowed with argument --pages; `scrapy crawl --help` lists the options"
    assert (done.returncode, done.stderr) == (1, f"scrapy crawl: {message}\n")


@pytest.mark.parametrize(("spider", "failed"), [("many_starts", 0), ("waiting_start", 1)])
def test_a_trial_ends_although_start_has_more(
    tmp_path: Path, demo_site: str, spider: str, failed: int
) -> None:
    known = {"DATABASE_URL": f"sqlite:///{tmp_path}/many.db", "DEMO_URL": demo_site}
    trial = scrapy("crawl", spider, *MODULES, "--pages", "5", **known)
    assert trial.returncode == (2 if failed else 0), trial.stderr
    run = json.loads(scrapy("runs", "--json", **known).stdout)
    assert run["state"] == ("below its policy (trial)" if failed else "good (trial)")
    pages = run["counts"]["pages"]
    assert (pages["done"], pages.get("failed", 0)) == (5 - failed, failed)
    # Requests to another site, which are skipped, are no pages of the trial.
    assert bool(pages.get("skipped")) is not bool(failed)
    assert "start() was not read to its end" in run["note"]


def test_a_trial_of_rendered_pages_waits_for_the_pages_in_flight(
    tmp_path: Path, demo_site: str, chromium_renderer: str
) -> None:
    url = f"sqlite:///{tmp_path}/books.db"
    known = {"DATABASE_URL": url, "DEMO_URL": demo_site, "SPLASH_URL": chromium_renderer}
    trial = scrapy("crawl", "books", "--pages", "7", **known)
    assert trial.returncode == 0, trial.stderr
    assert "books: pages: 7 done, 0 failed, 0 skipped" in trial.stderr
