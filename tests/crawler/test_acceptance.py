"""Which runs a person may accept, and the commands ``scrapy runs accept``, ``scrapy runs`` and ``scrapy runs show``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler.commands.runs import hints_of
from crawler.run.acceptance import refusal
from models import CrawlRun
from tests.crawler.fake_shop_site import fake_shop
from tests.crawler.shop_crawls import ShopCrawls
from tests.crawls import scrapy

GONE = "10 of the 20 rows of quote were not seen, more than GONE_LIMIT (20%) allows"


def run(number: int = 12, **fields: Any) -> CrawlRun:
    values = {
        "id": number,
        "spider": "films",
        "arguments": {"cat": "new films"},
        "scope": b"s",
        "verdict": 2,
        "reasons": [GONE],
        "acceptable": True,
        "finish_reason": "finished",
        "counts": {"pages": {"done": 10}},
    }
    return CrawlRun(**values | fields)


def test_a_run_that_differs_from_earlier_runs_may_be_accepted() -> None:
    assert refusal(run()) is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"trial_pages": 20}, "run 12 is a trial: no later run is compared with it"),
        (
            {"unfinished": b"s", "verdict": None},
            "run 12 is not finished: `scrapy crawl films -a 'cat=new films'` resumes it",
        ),
        (
            {"finish_reason": "given up", "verdict": None},
            "run 12 was given up; accept a run that came to its end",
        ),
        ({"verdict": 0, "reasons": []}, "run 12 is good: there is nothing to accept"),
        ({"verdict": None}, "run 12 of films has no verdict: there is nothing to accept"),
        (
            {"acceptable": None},
            f"run 12 is from before `scrapy runs accept`: crawl again; its reasons: {GONE}",
        ),
        (
            {"acceptable": False, "reasons": ["1 rows, and at least 5 are expected (MIN_ROWS)"]},
            "run 12 cannot be accepted, since it has faults of its own: 1 rows, and at least 5 are expected (MIN_ROWS)",
        ),
        (
            {"acceptable": False, "reasons": ["3 of 9 pages failed"], "counts": {"pages": {"failed": 3}}},
            "run 12 cannot be accepted, since it has faults of its own: 3 of 9 pages failed; "
            "`scrapy crawl films -a 'cat=new films' --failed-only` crawls its failed pages again",
        ),
    ],
)
def test_another_run_cannot_be_accepted(fields: dict[str, Any], why: str) -> None:
    assert refusal(run(**fields)) == why


def test_the_last_run_of_a_scope_has_a_hint_until_it_is_accepted() -> None:
    runs = [
        run(5, trial_pages=3),
        run(4),
        run(3),
        run(2, scope=b"t", accepted_at=datetime.now(UTC)),
        run(1, scope=b"u"),
    ]
    assert hints_of(runs) == [
        f"run {number}: if this is right: scrapy runs accept {number}" for number in (4, 1)
    ]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopCrawls]:
    with fake_shop() as site:
        yield ShopCrawls(site, f"sqlite:///{tmp_path}/shop.db")


def test_an_accepted_run_is_the_one_that_the_next_run_is_compared_with(shop: ShopCrawls) -> None:
    shop.site.fill(20, tags="old")
    assert shop.crawl().returncode == 0
    shop.site.fill(12, tags=None)
    assert shop.crawl().returncode == 2
    assert "run 2: if this is right: scrapy runs accept 2" in scrapy("runs", **shop.env).stdout
    accepted = scrapy("runs", "accept", "2", **shop.env)
    assert (
        accepted.stdout
        == "run 2 is accepted, and later runs are compared with it; 8 rows of quote are gone\n"
    )
    again = scrapy("runs", "accept", "2", **shop.env)
    assert again.returncode == 0 and again.stdout.startswith("run 2 was accepted on 20")
    shown = scrapy("runs", "show", "2", **shop.env).stdout
    assert "accepted (exit code 2)" in shown and "accepted: 8 rows of quote are gone" in shown
    assert "if this is right" not in shown
    assert shop.crawl().returncode == 0
    refused = scrapy("runs", "accept", "3", **shop.env)
    assert (refused.returncode, refused.stderr) == (
        1,
        "scrapy runs: run 3 is good: there is nothing to accept\n",
    )
