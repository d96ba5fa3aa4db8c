"""Crawl-delay of robots.txt: from the file to the delay of the download slot."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.core.downloader import Slot
from scrapy.robotstxt import ProtegoRobotParser
from scrapy.utils.test import get_crawler

from crawler.download.crawl_delay import CrawlDelayExtension
from tests.crawler.polite_site import Answer, crawl, last_run, polite_site, quote_page

PAGE = Request("http://shop.example/1", meta={"download_slot": "shop.example"})


def slot_after(robots: str, delay: float = 0.25, **settings: Any) -> Slot:
    """Return the slot of a host, whose delay was ``delay``, after its robots.txt was read."""
    crawler = get_crawler(Spider, {"USER_AGENT": "Splashdown/1"} | settings)
    slot = Slot(concurrency=4, delay=delay, jitter=0.5)
    downloader = SimpleNamespace(slots={"shop.example": slot}, get_slot_key=lambda _: "shop.example")
    crawler.engine = SimpleNamespace(downloader=downloader)  # type: ignore[assignment]
    extension = CrawlDelayExtension(crawler)
    extension.robots_parsed(ProtegoRobotParser(robots.encode(), None), PAGE)
    extension.request_reached_downloader(PAGE)
    return slot


@pytest.mark.parametrize(
    ("robots", "delay", "jitter"),
    [
        ("User-agent: *\nCrawl-delay: 10", 10, 0),
        ("User-agent: *\nCrawl-delay: 0.5", 0.5, 0),
        ("User-agent: *\nCrawl-delay: 0.1", 0.25, 0.5),  # DOWNLOAD_DELAY is longer
        ("User-agent: *\nDisallow: /private", 0.25, 0.5),
        ("User-agent: *\nCrawl-delay: soon", 0.25, 0.5),
        ("User-agent: *\nCrawl-delay: -3", 0.25, 0.5),
        ("User-agent: *\nCrawl-delay: 10\n\nUser-agent: splashdown\nCrawl-delay: 2", 2, 0),
        ("User-agent: other\nCrawl-delay: 10", 0.25, 0.5),
    ],
)
def test_the_delay_is_the_longer_one_of_robots_txt_and_the_settings(
    robots: str, delay: float, jitter: float
) -> None:
    slot = slot_after(robots)
    assert (slot.delay, slot.jitter) == (delay, jitter)


def test_a_very_long_delay_is_limited_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert slot_after("User-agent: *\nCrawl-delay: 86400", CRAWL_DELAY_LIMIT=30).delay == 30
    assert (
        "asks for 86400 s between two requests, which is limited to 30 s (CRAWL_DELAY_LIMIT)" in caplog.text
    )


def test_the_rules_for_another_user_agent_of_robots_txt_hold() -> None:
    robots = "User-agent: *\nCrawl-delay: 3\n\nUser-agent: shopbot\nCrawl-delay: 7"
    assert slot_after(robots, ROBOTSTXT_USER_AGENT="ShopBot").delay == 7


# --- Crawls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rendered", [False, True], ids=["plain", "rendered"])
def test_a_crawl_keeps_the_delay_between_its_requests(
    rendered: bool, chromium_renderer: str, tmp_path: Path
) -> None:
    with polite_site() as site:
        site.answers = {
            "/robots.txt": [
                Answer(body="User-agent: *\nCrawl-delay: 2", headers={"Content-Type": "text/plain"})
            ],
            "/start": [quote_page(0, "/1", "/2")],
            "/1": [quote_page(1)],
            "/2": [quote_page(2)],
        }
        url = f"sqlite:///{tmp_path}/x.db"
        done = crawl(site, url, "-s", f"RENDERED={int(rendered)}", SPLASH_URL=chromium_renderer)
        assert done.returncode == 0, done.stderr
        assert "robots.txt of 127.0.0.1 asks for 2 s between two requests" in done.stderr
        first, last = sorted(site.asks_for("/1") + site.asks_for("/2"))
        # The two links are found at the same time. Without the delay they are asked for at once; a busy machine may
        # bring the first one late.
        assert last - first > 1
        assert last_run(url)["counts"]["pages"] == {"done": 3}
