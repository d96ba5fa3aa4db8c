"""A crawl of a site that sends too much, and has links to other schemes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRun
from models.request import CrawlRequest
from models.session import make_engine
from tests.crawler.hostile_site import hostile_site
from tests.crawls import scrapy

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Crawled:
    log: str
    code: int
    site: str
    run: CrawlRun
    ends: dict[str, tuple[str, str]]  # by URL: state and reason


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    url = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/hostile.db"
    with hostile_site() as site:
        done = scrapy(
            "crawl",
            "hostile",
            "-s",
            "SPIDER_MODULES=tests.crawler.hostile_spider",
            DATABASE_URL=url,
            DEMO_URL=site,
        )
    engine = make_engine(url)
    with Session(engine) as session:
        run = session.scalars(select(CrawlRun)).one()
        rows = session.scalars(select(CrawlRequest))
        ends = {row.url.removeprefix(site): (row.state, row.error or "") for row in rows}
        session.expunge_all()
    engine.dispose()
    yield Crawled(done.stderr, done.returncode, site, run, ends)


@pytest.mark.parametrize("path", ["/gzip", "/deflate", "/twice", "/huge", "/endless"])
def test_a_page_that_is_too_large_is_a_failed_page(crawled: Crawled, path: str) -> None:
    state, reason = crawled.ends[path]
    assert state == "failed"
    assert reason.startswith("larger than DOWNLOAD_MAXSIZE allows")
    assert path == "/endless" or str(32 * MEGABYTE) in reason


def test_a_page_with_too_many_encodings_fails(crawled: Crawled) -> None:
    assert crawled.ends["/often"][0] == "failed"
    assert "compressed 30 times" in crawled.ends["/often"][1]


def test_memory_stays_near_the_limit_of_a_page(crawled: Crawled) -> None:
    assert crawled.run.peak_memory is not None
    assert crawled.run.peak_memory < 400 * MEGABYTE, crawled.run.peak_memory  # 150 MB are Python's modules


def test_the_beginning_of_a_huge_robots_txt_is_obeyed(crawled: Crawled) -> None:
    assert crawled.ends["/forbidden"] == ("skipped", "not requested: Forbidden by robots.txt")
    assert crawled.ends["/fine"] == ("done", "")
    assert "ROBOTSTXT_MAXSIZE" in crawled.log


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd",
        "file:///etc/hosts",
        "file:///etc/group",  # found on a page that start() requested
        "file:///etc/shadow",  # for the renderer
        "/a",  # the renderer would load a file
        "data:text/html,%3Ch1%3Eno%3C/h1%3E",
        "javascript://%0aalert(1)",
        "s3://bucket/key",
    ],
)
def test_a_link_to_another_scheme_is_skipped(crawled: Crawled, link: str) -> None:
    state, reason = crawled.ends[link]
    assert state == "skipped" and "a link may not lead to" in reason and "LINK_SCHEMES" in reason
    assert "root:" not in crawled.log


def test_a_redirect_to_a_file_is_a_failed_page_that_says_so(crawled: Crawled) -> None:
    state, reason = crawled.ends["/redirect"]
    assert state == "failed" and "redirect to file:" in reason


def test_start_may_request_a_file(crawled: Crawled) -> None:
    own = [
        url for url in crawled.ends if url.startswith(("file://", "data:")) and crawled.ends[url][0] == "done"
    ]
    assert len(own) == 2, crawled.ends


def test_the_verdict_counts_refused_links(crawled: Crawled) -> None:
    assert crawled.code == 2  # half of the pages failed
    line = next(reason for reason in crawled.run.reasons or [] if "LINK_SCHEMES" in reason)
    assert "links were not followed" in line and "file: 5" in line and "s3: 1" in line
