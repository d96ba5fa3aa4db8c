"""``scrapy crawl NAME --failed-only``: the failed and refused pages of the last run are crawled again, in that run."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.commands.crawl import Command
from crawler.run.stopping import CannotStart, NothingToDo
from tests.crawler.fake_shop_site import fake_shop, quotes
from tests.crawler.shop_crawls import ShopCrawls


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopCrawls]:
    with fake_shop() as site:
        yield ShopCrawls(site, f"sqlite:///{tmp_path}/shop.db")


def test_the_failed_pages_are_crawled_again_and_the_run_is_judged_again(shop: ShopCrawls) -> None:
    shop.site.fill(30)
    assert shop.crawl().returncode == 0
    shop.site.fill(28)  # two rows are gone
    shop.site.pages["/2"] = {"error": "the layout is new"}
    assert shop.crawl("-s", "MAX_FAILED_SHARE=0").returncode == 2
    shop.site.pages["/2"] = {"items": quotes(2, 3), "pages": ["/4", "/new"]}
    shop.site.pages["/new"] = {"items": quotes(100, 101)}
    again = shop.crawl("--failed-only")
    assert again.returncode == 0, again.stderr
    assert "run 2 of shop goes on with 1 pages that had failed or were refused" in again.stderr
    assert shop.site.asked == ["/2", "/new"]
    _, last = shop.all_runs()
    assert last.verdict == 0 and last.counts is not None
    assert last.counts["pages"] == {"done": 16} and last.counts["rows"] == {"quote": 30}
    assert (last.counts["changes"]["quote/created"], last.counts["changes"]["quote/gone"]) == (2, 2)
    assert last.note == "1 of its pages, failed or refused before, were crawled again (--failed-only)"
    nothing = shop.crawl("--failed-only")
    assert (nothing.returncode, shop.site.asked) == (0, [])
    expected = "\nscrapy crawl: run 2, the last one of shop, has no failed or refused page: nothing to do\n"
    assert nothing.stderr.endswith(expected)


def test_a_killed_crawl_of_failed_pages_is_resumed(shop: ShopCrawls) -> None:
    shop.site.fill(8)
    del shop.site.pages["/2"], shop.site.pages["/4"]
    shop.site.statuses = {"/2": 500, "/4": 403}
    assert shop.crawl().returncode == 2
    shop.site.fill(8)
    shop.site.statuses = {}
    shop.site.held["/4"] = threading.Event()
    process = shop.start("--failed-only")
    shop.until_asked("/4", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    refused = shop.crawl("--failed-only")
    expected = "\nscrapy crawl: `scrapy crawl shop` resumes run 1; --failed-only is for finished runs\n"
    assert refused.returncode == 1 and refused.stderr.endswith(expected)
    shop.site.held["/4"].set()
    done = shop.crawl()
    assert done.returncode == 0, done.stderr
    assert "/0" not in shop.site.asked and "/4" in shop.site.asked
    assert shop.stored() == list(range(8)) and shop.runs() == [(0, "")]


@pytest.mark.parametrize(("error", "code", "alarming"), [(NothingToDo, 0, False), (CannotStart, 1, True)])
def test_a_crawl_with_nothing_to_do_sends_no_alarm(
    error: type[CannotStart], code: int, alarming: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise error("run 2 has no failed page")

    async def work() -> Command:
        command, task = Command(), asyncio.ensure_future(fail())
        await asyncio.wait([task])
        command._report(task)
        return command

    command = asyncio.run(work())
    assert command.refusal is not None
    assert (command.refusal.code, command.is_alarming) == (code, alarming)
    assert capsys.readouterr().err == "scrapy crawl: run 2 has no failed page\n"
