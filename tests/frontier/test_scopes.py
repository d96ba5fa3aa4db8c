"""What a run is compared with and resumed by: the spider with the arguments of its command line, whatever its class."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import CrawlRun, Quote
from models.session import make_engine
from tests.crawler.fake_shop_site import FakeShop, fake_shop, quotes
from tests.crawler.shop_crawls import DEADLINE, wait_for
from tests.crawls import scrapy
from tests.prepared_process import Forked, start_scrapy

MODULES = ("-s", "SPIDER_MODULES=tests.frontier.plain_spiders")


class Crawls:
    """Crawls of one database by the spiders of ``plain_spiders``."""

    def __init__(self, site: FakeShop, url: str) -> None:
        self.site, self.url = site, url
        self.env = {"DATABASE_URL": url, "DEMO_URL": site.url}
        self.site.pages = {
            "/a": {"items": quotes(1, 2, 3, 4)},
            "/b": {"items": quotes(5, 6, 7, 8)},
            "/x": {"items": quotes(1), "pages": ["/x/2"]},
            "/x/2": {"items": quotes(2)},
        }

    def crawl(self, spider: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.site.asked.clear()
        return scrapy("crawl", spider, *MODULES, *arguments, **self.env)

    def start(self, spider: str, *arguments: str) -> Forked:
        variables = os.environ | {"SPLASHDOWN_ENV_FILE": ""} | self.env
        with Path(os.devnull).open("wb") as nowhere:
            return start_scrapy(["crawl", spider, *MODULES, *arguments], variables, nowhere)

    def there(self) -> list[int]:
        """The rows that are not gone."""
        engine = make_engine(self.url)
        with Session(engine) as session:
            query = select(Quote.quote_id).where(Quote.gone_at.is_(None)).order_by(Quote.quote_id)
            numbers = list(session.scalars(query))
        engine.dispose()
        return numbers

    def arguments(self) -> list[dict[str, str]]:
        engine = make_engine(self.url)
        with Session(engine) as session:
            found = list(session.scalars(select(CrawlRun.arguments).order_by(CrawlRun.id)))
        engine.dispose()
        return found


@pytest.fixture
def crawls(tmp_path: Path) -> Iterator[Crawls]:
    with fake_shop() as site:
        yield Crawls(site, f"sqlite:///{tmp_path}/scopes.db")


@pytest.mark.parametrize("spider", ["plain", "swallowing"])
def test_rows_of_other_arguments_are_not_gone(crawls: Crawls, spider: str) -> None:
    no_limit = ("-s", "GONE_LIMIT=1")
    for cat in ("a", "b"):
        done = crawls.crawl(spider, "-a", f"cat={cat}", *no_limit)
        assert done.returncode == 0, done.stderr
    assert crawls.there() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert crawls.arguments() == [{"cat": "a"}, {"cat": "b"}]
    crawls.site.pages["/a"] = {"items": quotes(1, 2, 3)}
    assert crawls.crawl(spider, "-a", "cat=a", *no_limit).returncode == 0
    assert crawls.there() == [1, 2, 3, 5, 6, 7, 8]


def test_a_killed_run_is_left_to_its_own_arguments_and_others_run_beside_it(crawls: Crawls) -> None:
    crawls.site.held["/x/2"] = threading.Event()
    process = crawls.start("plain", "-a", "cat=x")
    wait_for(lambda: "/x/2" in crawls.site.asked, process)
    beside = crawls.crawl("plain", "-a", "cat=b")
    assert beside.returncode == 0, beside.stderr
    again = crawls.crawl("plain", "-a", "cat=x")
    assert again.returncode == 75, again.stderr
    process.kill()
    process.wait(DEADLINE)
    crawls.site.held["/x/2"].set()
    other = crawls.crawl("plain", "-a", "cat=a")
    assert other.returncode == 0 and crawls.site.asked == ["/a"], other.stderr
    rest = crawls.crawl("plain", "-a", "cat=x")
    assert rest.returncode == 0 and crawls.site.asked == ["/x/2"], rest.stderr
