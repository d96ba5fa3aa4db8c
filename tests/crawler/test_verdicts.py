"""The exit code of a real crawl and the verdict of its run, for each way in which a crawl ends (docs/runs.md).

Which verdict the policy reaches on which counts is in test_verdict.py.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import CrawlRun
from models.process_id import Process
from models.schema import upgrade
from models.session import make_engine
from tests.crawler.fake_shop_site import fake_shop, quotes
from tests.crawler.shop_crawls import DEADLINE, MODULES, ShopCrawls, log_until_end, wait_for, wait_for_line
from tests.crawls import scrapy
from tests.frontier.private_mariadb import private_mariadb


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopCrawls]:
    with fake_shop() as site:
        yield ShopCrawls(site, f"sqlite:///{tmp_path}/shop.db")


def test_a_good_run_ends_with_0(shop: ShopCrawls) -> None:
    shop.site.fill(6)
    done = shop.crawl()
    assert done.returncode == 0, done.stderr
    assert shop.runs() == [(0, "")]


def test_a_run_whose_callbacks_raise_is_below_its_policy(shop: ShopCrawls) -> None:
    shop.site.fill(6)
    shop.site.pages["/2"]["error"] = "the layout is new"
    done = shop.crawl()
    assert done.returncode == 2
    assert shop.runs() == [(2, "1 of 4 pages failed (MAX_FAILED_SHARE is 5%)")]
    assert shop.stored() == [0, 1, 2, 3, 4, 5]  # with the items that the callback yielded before


def test_a_run_of_a_site_that_is_down_is_below_its_policy(shop: ShopCrawls) -> None:
    done = scrapy("crawl", "shop", *MODULES, DATABASE_URL=shop.url, DEMO_URL="http://127.0.0.1:1")
    assert done.returncode == 2
    assert "1 of 1 pages failed" in shop.runs()[0][1] and "0 rows" in shop.runs()[0][1]


def test_a_run_is_compared_with_the_columns_of_good_runs_only(shop: ShopCrawls) -> None:
    shop.site.fill(20, tags="old")
    assert shop.crawl().returncode == 0
    shop.site.fill(20, tags=None)
    assert shop.crawl().returncode == 2
    assert "quote.tags has a value in 0% of the rows, 100% in the last good runs" in shop.runs()[1][1]
    assert shop.crawl().returncode == 2  # the bad run is not compared with


def test_a_run_with_too_many_gone_rows_is_below_its_policy(shop: ShopCrawls) -> None:
    shop.site.fill(20)
    assert shop.crawl().returncode == 0
    shop.site.fill(10)
    assert shop.crawl().returncode == 2
    assert "10 of the 20 rows of quote were not seen, more than GONE_LIMIT (20%) allows" in shop.runs()[1][1]


def test_a_run_whose_start_raises_is_below_its_policy_and_the_next_crawl_calls_start_again(
    shop: ShopCrawls,
) -> None:
    shop.site.fill(4)
    done = shop.crawl("-s", "START_RAISES=1")
    assert done.returncode == 2
    assert "RuntimeError: the list of shops is empty (in start())" in shop.runs()[0][1]
    assert shop.crawl().returncode == 0
    assert shop.runs() == [(0, "")]


def test_a_crawl_gives_up_a_database_that_stays_away_and_the_next_crawl_stores_the_rest(
    shop: ShopCrawls,
) -> None:
    shop.site.fill(6)
    shop.site.held["/4"] = threading.Event()
    with private_mariadb() as server:
        shop.url = server.url
        _upgrade(server.url)
        process = shop.start(DATABASE_PATIENCE="2")
        shop.until_asked("/4", process)
        server.kill()
        shop.site.held["/4"].set()
        log = log_until_end(process)
        assert process.returncode == 3, log
        assert "the database did not come back within 2 s" in log
        server.start()
        assert shop.crawl().returncode == 0
        assert shop.stored() == list(range(6))
        assert shop.runs() == [(0, "")]


def test_a_crawl_waits_for_a_database_that_is_away_for_a_while(shop: ShopCrawls) -> None:
    shop.site.fill(6)
    shop.site.held["/4"] = threading.Event()
    with private_mariadb() as server:
        shop.url = server.url
        _upgrade(server.url)
        process = shop.start()
        shop.until_asked("/4", process)
        server.kill()
        shop.site.held["/4"].set()
        server.start()
        log = log_until_end(process)
        assert process.returncode == 0, log
        assert shop.stored() == list(range(6))


def test_the_next_crawl_resumes_a_killed_crawl(shop: ShopCrawls) -> None:
    shop.site.fill(6)
    shop.site.held["/4"] = threading.Event()
    process = shop.start()
    shop.until_asked("/4", process)
    wait_for(lambda: shop.stored() == [0, 1, 2, 3], process)
    process.kill()
    process.wait()
    assert shop.runs() == [(None, "")]
    assert "killed" in scrapy("runs", **shop.env).stdout
    shop.site.held["/4"].set()
    done = shop.crawl()
    assert done.returncode == 0, done.stderr
    assert shop.site.asked == ["/4"]
    assert shop.runs() == [(0, "")]


def test_a_crawl_stores_its_pages_in_flight_after_sigterm(shop: ShopCrawls) -> None:
    shop.site.fill(4)
    shop.site.held["/2"] = threading.Event()
    process = shop.start()
    shop.until_asked("/2", process)
    process.send_signal(signal.SIGTERM)
    wait_for_line(process, "no new pages")
    shop.site.held["/2"].set()
    log = log_until_end(process)
    assert process.returncode == 4, log
    assert shop.stored() == [0, 1, 2, 3]
    assert shop.runs() == [(4, "it was ended: shutdown")]


def test_a_crawl_leaves_a_page_that_takes_too_long_after_sigterm_to_the_next_crawl(shop: ShopCrawls) -> None:
    shop.site.fill(4)
    shop.site.held["/2"] = threading.Event()
    process = shop.start(SHUTDOWN_TIMEOUT="1")
    shop.until_asked("/2", process)
    process.send_signal(signal.SIGTERM)
    log = log_until_end(process)
    assert process.returncode == 4, log
    assert "1 pages in flight are left to the next crawl" in log and "Traceback" not in log
    assert shop.runs() == [(4, "it was ended: shutdown")]
    shop.site.held["/2"].set()
    assert shop.crawl().returncode == 0
    assert shop.site.asked == ["/2"]


def test_a_second_sigterm_ends_the_crawl_at_once(shop: ShopCrawls) -> None:
    shop.site.fill(4)
    shop.site.held["/2"] = threading.Event()
    process = shop.start()
    shop.until_asked("/2", process)
    process.send_signal(signal.SIGINT)
    wait_for_line(process, "no new pages")
    process.send_signal(signal.SIGTERM)
    log = log_until_end(process)
    assert process.returncode == 4 and "ends at once" in log, log
    shop.site.held["/2"].set()
    assert shop.crawl().returncode == 0
    assert shop.stored() == [0, 1, 2, 3]


def test_the_next_crawl_resumes_a_crawl_that_a_limit_of_scrapy_ended(shop: ShopCrawls) -> None:
    shop.site.fill(8)
    assert shop.crawl("-s", "CLOSESPIDER_PAGECOUNT=2", "-s", "CONCURRENT_REQUESTS=1").returncode == 4
    assert shop.runs() == [(4, "it was ended: closespider_pagecount")]
    assert shop.crawl().returncode == 0
    assert shop.stored() == list(range(8))


def test_a_second_crawl_with_the_same_arguments_ends_with_75(shop: ShopCrawls) -> None:
    shop.site.fill(4)
    shop.site.held["/2"] = threading.Event()
    process = shop.start()
    shop.until_asked("/2", process)
    second = shop.crawl()
    assert second.returncode == 75
    assert f"is in use by process {process.pid} on " in second.stderr and " since 20" in second.stderr
    other = scrapy(
        "crawl", "shop", *MODULES, "-a", "shop=other", **shop.env | {"DEMO_URL": "http://127.0.0.1:1"}
    )
    assert other.returncode == 2  # a crawl with other arguments runs at the same time
    shop.site.held["/2"].set()
    assert process.wait(DEADLINE) == 0
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize(("silent", "code"), [(3600.0, 0), (1.0, 75)])
def test_a_crawl_takes_over_a_run_whose_owner_on_another_host_has_been_silent(
    shop: ShopCrawls, silent: float, code: int
) -> None:
    shop.site.fill(4)
    assert shop.crawl("-s", "CLOSESPIDER_PAGECOUNT=1").returncode == 4
    engine = make_engine(shop.url)
    with Session(engine) as session, session.begin():
        run = session.scalars(select(CrawlRun)).one()
        assert run.heartbeat_at is not None
        elsewhere = Process(host="elsewhere", pid=1, started=1.0, token="abc")
        heartbeat = run.heartbeat_at.timestamp() - silent + 1
        heartbeat_at = type(run.heartbeat_at).fromtimestamp(heartbeat, run.heartbeat_at.tzinfo)
        session.execute(update(CrawlRun).values(owner=str(elsewhere), heartbeat_at=heartbeat_at))
    engine.dispose()
    done = shop.crawl()
    assert done.returncode == code, done.stderr


def test_the_runs_command_lists_and_shows_runs(shop: ShopCrawls) -> None:
    shop.site.fill(8)
    shop.site.pages["/4"] = {"items": quotes(4, 5, author=None), "error": "an \x1b[31mevil\x1b[0m\nlayout"}
    assert shop.crawl("-a", "shop=one").returncode == 2
    listed = scrapy("runs", **shop.env).stdout
    assert "shop shop=one" in listed and "below its policy" in listed
    shown = scrapy("runs", "show", "1", **shop.env).stdout
    assert "below its policy (exit code 2)" in shown and "4 done, 1 failed" in shown
    assert "/4: layout" in shown and "author is missing" in shown and "\x1b" not in shown
    (line,) = scrapy("runs", "--json", **shop.env).stdout.splitlines()
    run = json.loads(line)
    assert run["exit_code"] == 2 and run["counts"]["rows"] == {"quote": 6} and run["versions"]["scrapy"]
    assert run["peak_memory"] > 10**7 and run["seconds"] > 0 and run["host"]
    assert scrapy("runs", "show", "99", **shop.env).returncode == 1


def _upgrade(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
