"""How a crawl ends is told by its exit code and kept with its run, whatever happened; docs/runs.md has the table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import CrawlRun, Quote
from models.process import Process
from models.schema import upgrade
from models.session import make_engine
from tests.crawler.shelf_site import ShelfSite, quotes, shelf_site
from tests.crawls import ROOT, scrapy
from tests.frontier.private_mariadb import private_mariadb

MODULES = ("-s", "SPIDER_MODULES=tests.crawler.shelf_spider")
DEADLINE = 60.0


@dataclass
class Shelf:
    """The crawl of a ShelfSite into a database."""

    site: ShelfSite
    url: str

    @property
    def env(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url, "DEMO_URL": self.site.url}

    def crawl(self, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        self.site.asked.clear()
        return scrapy("crawl", "shelf", *MODULES, *options, **self.env, **env)

    def start(self, *options: str, **env: str) -> subprocess.Popen[str]:
        self.site.asked.clear()
        return subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "shelf", *MODULES, *options],
            cwd=ROOT,
            env=os.environ | {"SPLASHDOWN_ENV_FILE": ""} | self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def runs(self) -> list[tuple[int | None, str]]:
        """Verdict and reasons of all runs."""
        engine = make_engine(self.url)
        with Session(engine) as session:
            found = session.scalars(select(CrawlRun).order_by(CrawlRun.id))
            runs = [(run.verdict, "; ".join(run.reasons or [])) for run in found]
        engine.dispose()
        return runs

    def stored(self) -> list[int]:
        engine = make_engine(self.url)
        with Session(engine) as session:
            numbers = list(session.scalars(select(Quote.quote_id).order_by(Quote.quote_id)))
        engine.dispose()
        return numbers

    def until_asked(self, path: str, process: subprocess.Popen[str]) -> None:
        wait_for(lambda: path in self.site.asked, process)


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < until and process.poll() is None, process.communicate()[0][-3000:]
        time.sleep(0.02)  # between two looks


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=DEADLINE)
    return said


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_site() as site:
        yield Shelf(site, f"sqlite:///{tmp_path}/shelf.db")


def test_a_good_run_ends_with_0(shelf: Shelf) -> None:
    shelf.site.shelf(6)
    done = shelf.crawl()
    assert done.returncode == 0, done.stderr
    assert shelf.runs() == [(0, "")]


def test_callbacks_that_raise(shelf: Shelf) -> None:
    shelf.site.shelf(6)
    shelf.site.pages["/2"]["error"] = "the layout is new"
    done = shelf.crawl()
    assert done.returncode == 2
    assert shelf.runs() == [(2, "1 of 4 pages failed (MAX_FAILED_SHARE is 5%)")]
    assert shelf.stored() == [0, 1, 2, 3, 4, 5]  # what it had yielded before counts


def test_a_site_that_is_down(shelf: Shelf) -> None:
    done = scrapy("crawl", "shelf", *MODULES, DATABASE_URL=shelf.url, DEMO_URL="http://127.0.0.1:1")
    assert done.returncode == 2
    assert "1 of 1 pages failed" in shelf.runs()[0][1] and "0 rows" in shelf.runs()[0][1]


def test_items_that_are_all_rejected(shelf: Shelf) -> None:
    shelf.site.shelf(6, author=None)
    done = shelf.crawl()
    assert done.returncode == 2
    assert "6 of 6 items for quote were rejected (MAX_REJECTED_SHARE is 5%)" in shelf.runs()[0][1]


def test_fewer_rows_than_the_spider_expects(shelf: Shelf) -> None:
    shelf.site.shelf(6)
    assert shelf.crawl("-s", "MIN_ROWS=7").returncode == 2
    assert shelf.runs() == [(2, "6 rows, and at least 7 are expected (MIN_ROWS)")]


def test_a_site_that_shows_nothing_any_more(shelf: Shelf) -> None:
    shelf.site.pages["/start"] = {}
    assert shelf.crawl().returncode == 2
    assert shelf.runs() == [(2, "0 rows, and at least 1 are expected (MIN_ROWS)")]


def test_a_field_that_is_empty_all_at_once(shelf: Shelf) -> None:
    shelf.site.shelf(20, tags="old")
    assert shelf.crawl().returncode == 0
    shelf.site.shelf(20, tags=None)
    assert shelf.crawl().returncode == 2
    assert "quote.tags has a value in 0% of the rows, 100% in the last good runs" in shelf.runs()[1][1]
    assert shelf.crawl().returncode == 2  # a bad run is nothing to compare with


def test_more_rows_gone_than_is_likely(shelf: Shelf) -> None:
    shelf.site.shelf(20)
    assert shelf.crawl().returncode == 0
    shelf.site.shelf(10)
    assert shelf.crawl().returncode == 2
    assert "10 of the 20 rows of quote were not seen, more than GONE_LIMIT (20%) allows" in shelf.runs()[1][1]


def test_a_start_that_raises_is_below_policy_and_is_read_again(shelf: Shelf) -> None:
    shelf.site.shelf(4)
    done = shelf.crawl("-s", "START_RAISES=1")
    assert done.returncode == 2
    assert "RuntimeError: the list of shelves is empty (in start())" in shelf.runs()[0][1]
    assert shelf.crawl().returncode == 0
    assert shelf.runs() == [(0, "")]


def test_a_database_that_is_gone_before_the_end_and_stays_away(shelf: Shelf) -> None:
    shelf.site.shelf(6)
    shelf.site.held["/4"] = threading.Event()
    with private_mariadb() as server:
        shelf.url = server.url
        _upgrade(server.url)
        process = shelf.start(DATABASE_PATIENCE="2")
        shelf.until_asked("/4", process)
        server.kill()
        shelf.site.held["/4"].set()
        said = ended(process)
        assert process.returncode == 3, said
        assert "the database did not come back within 2 s" in said
        server.start()
        assert shelf.crawl().returncode == 0
        assert shelf.stored() == list(range(6))
        assert shelf.runs() == [(0, "")]


def test_a_database_that_is_away_for_a_while(shelf: Shelf) -> None:
    shelf.site.shelf(6)
    shelf.site.held["/4"] = threading.Event()
    with private_mariadb() as server:
        shelf.url = server.url
        _upgrade(server.url)
        process = shelf.start()
        shelf.until_asked("/4", process)
        server.kill()
        shelf.site.held["/4"].set()
        server.start()
        said = ended(process)
        assert process.returncode == 0, said
        assert shelf.stored() == list(range(6))


def test_a_crawl_that_was_killed_is_resumed(shelf: Shelf) -> None:
    shelf.site.shelf(6)
    shelf.site.held["/4"] = threading.Event()
    process = shelf.start()
    shelf.until_asked("/4", process)
    wait_for(lambda: shelf.stored() == [0, 1, 2, 3], process)
    process.kill()
    process.wait()
    assert shelf.runs() == [(None, "")]
    assert "killed" in scrapy("runs", **shelf.env).stdout
    shelf.site.held["/4"].set()
    done = shelf.crawl()
    assert done.returncode == 0, done.stderr
    assert shelf.site.asked == ["/4"]
    assert shelf.runs() == [(0, "")]


def test_sigterm_lets_a_page_in_flight_finish(shelf: Shelf) -> None:
    shelf.site.shelf(4)
    shelf.site.held["/2"] = threading.Event()
    process = shelf.start()
    shelf.until_asked("/2", process)
    process.send_signal(signal.SIGTERM)
    wait_for_line(process, "no new pages")
    shelf.site.held["/2"].set()
    said = ended(process)
    assert process.returncode == 4, said
    assert shelf.stored() == [0, 1, 2, 3]
    assert shelf.runs() == [(4, "it was ended: shutdown")]


def test_sigterm_does_not_wait_for_ever_and_the_page_is_fetched_by_the_next_start(shelf: Shelf) -> None:
    shelf.site.shelf(4)
    shelf.site.held["/2"] = threading.Event()
    process = shelf.start(SHUTDOWN_TIMEOUT="1")
    shelf.until_asked("/2", process)
    process.send_signal(signal.SIGTERM)
    said = ended(process)
    assert process.returncode == 4, said
    assert "1 pages in flight are left to the next start" in said and "Traceback" not in said
    assert shelf.runs() == [(4, "it was ended: shutdown")]  # in order: the run says so
    shelf.site.held["/2"].set()
    assert shelf.crawl().returncode == 0
    assert shelf.site.asked == ["/2"]


def test_a_second_sigterm_ends_the_crawl_at_once(shelf: Shelf) -> None:
    shelf.site.shelf(4)
    shelf.site.held["/2"] = threading.Event()
    process = shelf.start()
    shelf.until_asked("/2", process)
    process.send_signal(signal.SIGINT)
    wait_for_line(process, "no new pages")
    process.send_signal(signal.SIGTERM)
    said = ended(process)
    assert process.returncode == 4 and "ends at once" in said, said
    shelf.site.held["/2"].set()
    assert shelf.crawl().returncode == 0
    assert shelf.stored() == [0, 1, 2, 3]


def test_a_crawl_that_is_ended_by_scrapys_own_limits_is_resumed(shelf: Shelf) -> None:
    shelf.site.shelf(8)
    assert shelf.crawl("-s", "CLOSESPIDER_PAGECOUNT=2", "-s", "CONCURRENT_REQUESTS=1").returncode == 4
    assert shelf.runs() == [(4, "it was ended: closespider_pagecount")]
    assert shelf.crawl().returncode == 0
    assert shelf.stored() == list(range(8))


def test_a_second_start_while_one_is_running(shelf: Shelf) -> None:
    shelf.site.shelf(4)
    shelf.site.held["/2"] = threading.Event()
    process = shelf.start()
    shelf.until_asked("/2", process)
    second = shelf.crawl()
    assert second.returncode == 75
    assert f"is being done by process {process.pid} on " in second.stderr and " since 20" in second.stderr
    other = scrapy(
        "crawl", "shelf", *MODULES, "-a", "shop=other", **shelf.env | {"DEMO_URL": "http://127.0.0.1:1"}
    )
    assert other.returncode == 2  # other arguments run side by side
    shelf.site.held["/2"].set()
    assert process.wait(DEADLINE) == 0
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize(("silent", "code"), [(3600.0, 0), (1.0, 75)])
def test_an_owner_on_another_host_is_dead_when_it_has_been_silent(
    shelf: Shelf, silent: float, code: int
) -> None:
    shelf.site.shelf(4)
    assert shelf.crawl("-s", "CLOSESPIDER_PAGECOUNT=1").returncode == 4
    engine = make_engine(shelf.url)
    with Session(engine) as session, session.begin():
        run = session.scalars(select(CrawlRun)).one()
        assert run.heartbeat_at is not None
        elsewhere = Process(host="elsewhere", pid=1, started=1.0, token="abc")
        heartbeat = run.heartbeat_at.timestamp() - silent + 1
        moment = type(run.heartbeat_at).fromtimestamp(heartbeat, run.heartbeat_at.tzinfo)
        session.execute(update(CrawlRun).values(owner=str(elsewhere), heartbeat_at=moment))
    engine.dispose()
    done = shelf.crawl()
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "takes one spider's name"),
        (("books", "quotes"), "takes one spider's name"),
        (("--no-such-option",), "there is no spider '--no-such-option'"),
        (("books", "-a", "nothing"), "NAME=VALUE"),
    ],
)
def test_a_wrong_command_line_could_not_start(arguments: tuple[str, ...], said: str) -> None:
    done = scrapy("crawl", *arguments)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr


def test_runs_are_listed_and_shown(shelf: Shelf) -> None:
    shelf.site.shelf(8)
    shelf.site.pages["/4"] = {"items": quotes(4, 5, author=None), "error": "an \x1b[31mevil\x1b[0m\nlayout"}
    assert shelf.crawl("-a", "shop=one").returncode == 2
    listed = scrapy("runs", **shelf.env).stdout
    assert "shelf shop=one" in listed and "below its policy" in listed
    shown = scrapy("runs", "show", "1", **shelf.env).stdout
    assert "below its policy (exit code 2)" in shown and "4 done, 1 failed" in shown
    assert "/4: layout" in shown and "author is missing" in shown and "\x1b" not in shown
    (line,) = scrapy("runs", "--json", **shelf.env).stdout.splitlines()
    run = json.loads(line)
    assert run["exit_code"] == 2 and run["counts"]["rows"] == {"quote": 6} and run["versions"]["scrapy"]
    assert run["peak_memory"] > 10**7 and run["seconds"] > 0 and run["host"]
    assert scrapy("runs", "show", "99", **shelf.env).returncode == 1


def _upgrade(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()


def wait_for_line(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"{words!r} was not said")


def test_every_exit_code_is_explained_by_the_command() -> None:
    said = scrapy("crawl", "--help").stdout
    for code in ("0   good", "1   it could", "2   it ran", "3   data", "4   inter", "75  the same"):
        assert code in said
