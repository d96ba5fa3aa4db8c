"""What an errback yields is committed with its page as soon as the errback has ended, however the request failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRequest, Order, Quote
from models.session import make_engine
from tests.crawler.fake_shop_site import fake_shop
from tests.crawler.shop_crawls import ShopCrawls, log_until_end, wait_for
from tests.crawls import scrapy

WHERE = ("-s", "SPIDER_MODULES=tests.frontier.errback_spider")
YIELDED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22, 23, 90, 91]


class Crawled(ShopCrawls):
    said = ""

    def select(self, *columns: Any) -> list[Any]:
        engine = make_engine(self.url)
        with Session(engine) as session:
            found = session.execute(select(*columns)).all()
        engine.dispose()
        return [tuple(row) for row in found]

    def yielded(self) -> list[int]:
        return sorted(number for (number,) in self.select(Quote.quote_id))

    def state(self, path: str) -> tuple[str, str]:
        found = self.select(CrawlRequest.url, CrawlRequest.state, CrawlRequest.error)
        (state,) = ((state, error or "") for url, state, error in found if url.endswith(path))
        return state


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    """A crawl that was not idle, since one page was held, until everything that errbacks yield was there."""
    with fake_shop() as site:
        site.pages = {
            path: {} for path in ("/held", "/page", "/page?carried", "/page?text", "/after-recovery")
        }
        site.pages |= {"/followed/8": {}, "/followed/22": {}}
        site.held = {"/held": threading.Event(), "/slow": threading.Event()}
        folder: Path = tmp_path_factory.mktemp("errbacks")
        crawl = Crawled(site, f"sqlite:///{folder}/errbacks.db")
        process = crawl.start(spider="errbacks", modules=WHERE)
        crawl.until_asked("/followed/22", process)
        wait_for(lambda: crawl.yielded() == YIELDED, process)
        wait_for(lambda: "/after-recovery" in site.asked and "/followed/8" in site.asked, process)
        for event in site.held.values():
            event.set()
        crawl.said = log_until_end(process)
        assert process.returncode == 0, crawl.said
        yield crawl


def test_everything_is_committed_while_other_pages_are_under_way(crawled: Crawled) -> None:
    assert crawled.yielded() == YIELDED


@pytest.mark.parametrize(
    ("path", "state", "said"),
    [
        *(
            (f"/missing/{kind}", "skipped", "HTTP 404")
            for kind in ("yields", "yields_async", "returns_later")
        ),
        *((f"/missing/{kind}", "skipped", "HTTP 404") for kind in ("returns_list", "returns_one", "follows")),
        *((f"/missing/{kind}", "skipped", "HTTP 404") for kind in ("returns_none", "yields_nothing", "none")),
        ("/missing/gives_back", "skipped", "HTTP 404"),
        ("/missing/raises", "failed", "RuntimeError: no way out"),
        ("/missing/raises_later", "failed", "RuntimeError: too late"),
        ("/missing/not_storable", "failed", "meta['bad'] is builtins.object"),
        ("no-such-host.invalid/", "failed", "no-such-host.invalid"),
        ("127.0.0.1:9/", "failed", "efused"),
        ("/slow", "failed", "imeout"),
        ("/ignored", "skipped", "not requested: not today"),
        ("/page", "done", ""),
        ("/page?text", "failed", "ValueError: nul \\x00 and half \\ud800 a character"),
        ("/followed/8", "done", ""),
        ("/followed/22", "done", ""),
        ("/after-recovery", "done", ""),
    ],
)
def test_the_page_keeps_what_became_of_it(crawled: Crawled, path: str, state: str, said: str) -> None:
    found, error = crawled.state(path)
    assert found == state and said in error, error


@pytest.mark.parametrize("command", [("rejected",), ("rejected", "--json"), ("runs", "show", "1", "--json")])
def test_what_no_terminal_can_show_is_shown_as_an_escape(crawled: Crawled, command: tuple[str, ...]) -> None:
    shown = scrapy(*command, **crawled.env)
    assert shown.returncode == 0, shown.stderr
    assert ("nul" in shown.stdout) == (command[-1] == "--json")


def test_a_request_that_an_errback_yields_is_refused_with_its_line(crawled: Crawled) -> None:
    lines = (Path(__file__).parent / "errback_spider.py").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if '"bad"' in text)
    assert f"(yielded at errback_spider.py, line {line})" in crawled.said


def test_an_item_that_a_request_carries_is_stored_in_the_table_of_its_model(crawled: Crawled) -> None:
    assert crawled.select(Order.number, Order.status) == [("A1", "paid")]
