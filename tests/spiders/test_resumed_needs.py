"""A crawl of pages that need something, killed and resumed: clicks, and a login by dialog with a token in storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.crawls import ROOT
from tests.databases import make_file_with_tables
from tests.spiders.docs_examples import examples_of_the_docs, lua_of_the_docs
from tests.spiders.needs_site import PASSWORD, TOKEN, NeedsSite, needs_site

SPIDER = """
import os
from spiders.base import SiteSpider

class NeedsSpider(SiteSpider):
    name = "needs"
    custom_settings = {"ITEM_PIPELINES": {}, "CONCURRENT_REQUESTS": 1, "DOWNLOAD_DELAY": 0}
    site = ""
    password = os.environ["NEEDS_SAID"]

    async def start(self):
        EXAMPLE

    def parse_home(self, response):
        yield {"page": "/login", "rows": response.css("#hello::text").getall(), "data": sorted(response.data)}
        for number in (1, 2, 3):
            yield self.render(f"{self.site}/orders?{number}", self.parse, wait_for=".order", priority=9 - number)
        yield self.render(self.site + "/tabs", self.parse, wait_for=".price", click="#tab", dismiss="#agree")
        yield self.render(self.site + "/chain", self.parse_chain, quiet=0.3)
        yield self.render_with("region.lua", self.site + "/regions", self.parse, args={"region": "north"})
        yield self.render(self.site.replace("127.0.0.1", "localhost") + "/orders?9", self.parse, wait_for=".order")
        yield self.render(self.site + "/orders?4", self.fail, wait_for=".order")

    def parse(self, response):
        page = response.url.rpartition("/")[2]
        yield {"page": page, "rows": response.css(".order::text, .price::text").getall()}

    def parse_chain(self, response):
        yield {"page": "chain", "rows": response.css("li::text").getall()}

    def fail(self, response):
        raise ValueError("so that a page snapshot is saved")
"""


def start(folder: Path, renderer: str, site: NeedsSite, log: str) -> subprocess.Popen[bytes]:
    database = f"sqlite:///{folder}/x.db"
    make_file_with_tables(database)
    with (folder / log).open("wb") as file:
        return subprocess.Popen(
            [
                sys.executable, "-m", "scrapy", "runspider", str(folder / "needs.py"), "-o", f"{folder}/out.jsonl",
                "-a", f"site={site.url}", "-L", "DEBUG",
            ],
            cwd=ROOT, stderr=file,
            env=os.environ | {
                "SPLASHDOWN_ENV_FILE": "", "SPLASH_URL": renderer, "DATABASE_URL": database, "NEEDS_SAID": PASSWORD,
                "KEPT_PAGES_FOLDER": f"{folder}/kept", "SPLASH_LOG_LEVEL": "DEBUG",
            },
        )  # fmt: skip


def test_a_killed_crawl_continues_with_a_new_login_and_saves_no_secret(tmp_path: Path, renderer: str) -> None:
    (tmp_path / "region.lua").write_text(lua_of_the_docs("`render_with`: a script of your own"))
    with needs_site() as site:
        (tmp_path / "needs.py").write_text(
            SPIDER.replace("EXAMPLE", examples_of_the_docs("`log_in`", site.url, "storage=True"))
        )
        site.held = "/api/orders?2"
        crawl = start(tmp_path, renderer, site, "first.log")
        end = time.monotonic() + 60
        while site.held not in site.asked:
            assert crawl.poll() is None and time.monotonic() < end, (tmp_path / "first.log").read_text()[
                -3000:
            ]
            time.sleep(0.05)
        crawl.kill()
        crawl.wait()
        site.held = ""
        site.go_on.set()
        assert start(tmp_path, renderer, site, "second.log").wait(90) == 2  # one callback fails
    items = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    rows = {item["page"]: item["rows"] for item in items}
    rows.pop("orders?1", None)  # committed by the first crawl, whose feed was not written to its end
    assert rows == {
        "/login": ["Hello"],
        "orders?2": ["2 orders"],
        "orders?3": ["3 orders"],
        "orders?9": ["signed out null"],  # of another origin
        "tabs": ["7.50"],
        "chain": ["1", "2", "3", "4"],
        "regions": ["7.50"],
    }, (tmp_path / "second.log").read_text()[-3000:]
    assert all("auth_storage" not in item.get("data", ()) for item in items)
    assert list((tmp_path / "kept").rglob("*.html"))
    for file in filter(Path.is_file, tmp_path.rglob("*")):
        content = file.read_bytes()
        for secret in (PASSWORD, f"{TOKEN}1", f"{TOKEN}2"):
            assert secret.encode() not in content, f"{secret} is in {file.name}"
