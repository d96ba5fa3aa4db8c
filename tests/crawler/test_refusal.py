"""Pages that the site refuses: not retried, counted by host, named in the verdict; no row is gone because of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.http import HtmlResponse
from scrapy.utils.test import get_crawler

from crawler.meta_keys import REQUEST_NUMBER
from crawler.page.refusal import refusal_of
from tests.crawler.polite_site import (
    Answer,
    PoliteSite,
    crawl,
    last_run,
    last_run_with_pages,
    polite_site,
    quote_page,
)
from tests.crawls import scrapy

CHALLENGE = Answer(503, "<html><body>Just a moment...<script>window._cf_chl_opt={}</script></body></html>")


def refusal(
    status: int, body: bytes = b"", meta: dict[str, Any] | None = None, **settings: Any
) -> str | None:
    crawler = get_crawler(Spider, settings)
    crawler.spider = Spider("polite")
    request = Request("http://shop.example/1", meta={REQUEST_NUMBER.name: 1} | (meta or {}))
    return refusal_of(request, HtmlResponse(request.url, status=status, body=body), crawler)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, None), (401, None), (402, "HTTP 402"), (403, "HTTP 403"), (404, None), (429, None), (503, None)],
)
def test_the_status_says_whether_the_site_refused_the_page(status: int, expected: str | None) -> None:
    assert refusal(status) == expected


def test_a_challenge_page_is_refused_with_every_status() -> None:
    for status in (200, 403, 503):
        assert refusal(status, CHALLENGE.body.encode()) == f"HTTP {status}, challenge page of Cloudflare"


def test_a_spider_that_handles_a_status_gets_its_pages() -> None:
    assert refusal(403, meta={"handle_httpstatus_list": [403]}) is None
    assert refusal(403, meta={"handle_httpstatus_all": True}) is None
    assert refusal(403, HTTPERROR_ALLOWED_CODES=[403]) is None
    assert refusal(403, HTTPERROR_ALLOW_ALL=True) is None
    assert refusal(403, meta={"handle_httpstatus_list": [404]}) == "HTTP 403"


def test_a_download_that_is_no_request_of_the_frontier_is_not_judged() -> None:
    request = Request("http://shop.example/robots.txt")
    assert refusal_of(request, HtmlResponse(request.url, status=403), get_crawler(Spider)) is None


# --- Crawls ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[PoliteSite]:
    with polite_site() as made:
        yield made


def test_refused_pages_are_asked_for_once_and_named_in_the_verdict(
    site: PoliteSite, database_url: str
) -> None:
    site.answers = {
        "/start": [quote_page(0, "/1", "/2", "/3", f"{site.other_url}/4")],
        "/1": [quote_page(1)],
        "/2": [Answer(403)],
        "/3": [CHALLENGE],
        "/4": [Answer(402)],
    }
    done = crawl(site, database_url)
    assert done.returncode == 2, done.stderr
    assert [len(site.asks_for(path)) for path in ("/2", "/3", "/4")] == [1, 1, 1]
    run = last_run_with_pages(database_url)
    assert run["counts"]["pages"] == {"done": 2, "refused": 3}
    host, port = "127.0.0.1", site.port
    assert run["reasons"] == [
        "3 of 5 pages were refused by the site (MAX_REFUSED_SHARE is 5%)",
        f"refused by the site: 1 page, {host}:{port} HTTP 403: {site.url}/2",
        f"refused by the site: 1 page, {host}:{port} HTTP 503, challenge page of Cloudflare: {site.url}/3",
        f"refused by the site: 1 page, localhost:{port} HTTP 402: {site.other_url}/4",
    ]
    assert run["refused_pages"][0] == {
        "host": f"{host}:{port}", "reason": "HTTP 403", "pages": 1, "urls": [f"{site.url}/2"]
    }  # fmt: skip
    assert run["failed_requests"] == run["ignored_pages"] == []
    assert "pages: 2 done, 0 failed, 0 skipped, 3 refused" in done.stderr
    shown = scrapy("runs", "show", str(run["id"]), DATABASE_URL=database_url).stdout
    assert f"refused   {site.url}/2: HTTP 403" in shown


def test_no_row_is_gone_because_its_page_was_refused(site: PoliteSite, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    site.answers = {"/start": [quote_page(0, "/1")], "/1": [quote_page(1)]}
    assert crawl(site, url).returncode == 0
    site.answers["/1"] = [Answer(403)]
    done = crawl(site, url, MAX_REFUSED_SHARE="0.5", GONE_LIMIT="1")
    assert done.returncode == 0, done.stderr
    run = last_run(url)
    assert run["note"] == "no row is marked as gone: 1 of its pages were refused by the site"
    assert run["reasons"] == [f"refused by the site: 1 page, 127.0.0.1:{site.port} HTTP 403: {site.url}/1"]
    assert "quote/gone" not in run["counts"]["changes"]


def test_a_rendered_page_is_refused_as_a_plain_one(site: PoliteSite, renderer: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    site.answers = {
        "/start": [quote_page(0, "/1", "/2")],
        "/1": [Answer(403, "<html><body>Forbidden</body></html>")],
        "/2": [Answer(200, CHALLENGE.body)],
    }
    done = crawl(site, url, "-s", "RENDERED=1", SPLASH_URL=renderer)
    assert done.returncode == 2, done.stderr
    run = last_run_with_pages(url)
    assert {(one["reason"], *one["urls"]) for one in run["refused_pages"]} == {
        ("HTTP 403", f"{site.url}/1"),
        ("HTTP 200, challenge page of Cloudflare", f"{site.url}/2"),
    }
    assert len(site.asks_for("/1")) == len(site.asks_for("/2")) == 1
