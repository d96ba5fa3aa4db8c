"""A resumed run sends the scripts of rendered pages that the first crawl did not fetch."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.crawler.splash.wire import Wire
from tests.crawls import scrapy

# Only the first page yields requests: after it no callback makes the arguments again.
SPIDER = """
from scrapy_splash import SplashRequest
from spiders.base import SiteSpider

class Resumed(SiteSpider):
    name = "resumed"
    custom_settings = {"ROBOTSTXT_OBEY": False, "RENDERER_ENABLED": False}

    def page(self, number, callback=None):
        return SplashRequest(f"http://site.example/{number}", callback or self.parse, endpoint="execute",
            args={"lua_source": "-- my script"}, cache_args=["lua_source"])

    async def start(self):
        yield self.page(0, self.parse_first)

    def parse_first(self, response):
        for number in range(1, 4):
            yield self.page(number)
        yield self.render("http://site.example/ours")
        yield response.request.replace(dont_filter=True, callback=self.parse)

    def parse(self, response):
        pass
"""


def test_a_resumed_run_sends_the_scripts_of_its_stored_requests(stub: Wire, tmp_path: Path) -> None:
    (tmp_path / "resumed.py").write_text(SPIDER)
    known = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
        "SPLASH_URL": stub.url,
        "SPLASH_USER": "u",
        "SPLASH_PASS": "hidden",
        "PYTHONPATH": str(tmp_path),
    }
    spider = ("crawl", "resumed", "-s", "SPIDER_MODULES=resumed", "-s", "CONCURRENT_REQUESTS=1")
    scrapy(*spider, "-s", "CLOSESPIDER_PAGECOUNT=1", **known)
    first = len(stub.sent)
    stored = sqlite3.connect(tmp_path / "x.db").execute("SELECT request, state FROM crawl_request").fetchall()
    assert len(stored) == 6 and [state for _, state in stored].count("done") < 6
    assert "dTpoaWRkZW4=" not in str(stored) and "hidden" not in str(stored) and stub.url not in str(stored)
    done = scrapy(*spider, **known)
    assert done.returncode == 0, done.stderr[-3000:]
    scripts = [args.get("lua_source", "") for args in stub.args()]
    assert len(stub.sent) == 6 and first < 6
    assert sum(script == "-- my script" for script in scripts) == 5
    assert sum("wait_for" in script for script in scripts) == 1
    states = sqlite3.connect(tmp_path / "x.db").execute("SELECT DISTINCT state FROM crawl_request").fetchall()
    assert states == [("done",)]
