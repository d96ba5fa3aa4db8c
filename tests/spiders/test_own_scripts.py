"""Render scripts of a spider's own: files beside its module."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from crawler.delta.version import version_of
from crawler.splash.errors import place_in
from crawler.splash.page_steps import own_arguments
from spiders.scripts import own_script
from tests.crawls import scrapy
from tests.spiders.docs_examples import examples_of_the_docs, lua_of_the_docs
from tests.spiders.needs_site import needs_site

SECTION = "`render_with`: a script of your own"

SPIDER = """
from spiders.base import SiteSpider

class OwnSpider(SiteSpider):
    name = "own"
    custom_settings = {"ITEM_PIPELINES": {}, "RETRY_TIMES": 0, "DOWNLOAD_DELAY": 0}
    site = ""

    async def start(self):
        EXAMPLES
        yield self.render_with("lua/plain.lua", self.site + "/more", self.parse, args={"said": ["a", 1]}, wait_for="li")
        yield self.render_with("lua/plain.lua", self.site + "/more?missing", self.parse, wait_for="table")
        yield self.render_with("faulty.lua", self.site + "/more?faulty", self.parse)

    def parse(self, response):
        data = {name: response.data.get(name) for name in ("region", "said")}
        yield {"page": response.url.removeprefix(self.site), "price": response.css(".price::text").get(),
               "text": response.css("div::text").get(), "data": data}
"""

PLAIN = """function main(splash, args)
  assert(splash:go(args.url))
  return {html = splash:html(), said = args.said}
end
"""
FAULTY = """function main(splash, args)
  local page = open(splash, args)
  local nothing = nil
  return nothing.x
end
"""


def test_a_script_beside_the_spider_renders_its_pages(tmp_path: Path, renderer: str) -> None:
    with needs_site() as site:
        (tmp_path / "lua").mkdir()
        (tmp_path / "lua" / "plain.lua").write_text(PLAIN)
        (tmp_path / "faulty.lua").write_text(FAULTY)
        (tmp_path / "region.lua").write_text(lua_of_the_docs(SECTION))
        (tmp_path / "own.py").write_text(SPIDER.replace("EXAMPLES", examples_of_the_docs(SECTION, site.url)))
        done = scrapy(
            "runspider", str(tmp_path / "own.py"), "-O", f"{tmp_path}/out.jsonl", "-a", f"site={site.url}",
            SPLASH_URL=renderer, DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
        )  # fmt: skip
    items = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert sorted(items, key=lambda item: str(item["page"])) == [
        {"page": "/more", "price": None, "text": None, "data": {"region": None, "said": ["a", 1]}},
        {"page": "/regions", "price": "7.50", "text": "north", "data": {"region": "north", "said": None}},
    ], done.stderr[-3000:]
    assert f"no content: {site.url}/more?missing: 'table' never appeared" in done.stderr
    faulty = f"no content: {site.url}/more?faulty: faulty.lua, line 4: "
    (line,) = [line for line in done.stderr.splitlines() if faulty in line]
    assert "attempt to index" in line and "[string" not in line


def test_a_script_that_is_missing_is_an_error_at_its_line() -> None:
    with pytest.raises(ValueError, match="there is no render script 'no' in the folder of the spider"):
        own_script(Path, "no")


def test_an_argument_of_the_request_itself_is_refused() -> None:
    assert own_arguments({"region": 1, "click": ["#a"]}) == {"region": 1, "click": ["#a"]}
    with pytest.raises(ValueError, match="args= has 'url'"):
        own_arguments({"region": 1, "url": "x"})


def test_the_line_of_an_error_is_that_of_the_file() -> None:
    text = "-- ours\nlocal x\n-- a.lua\nfunction main()\n  oops()\nend"
    assert place_in(text, "a.lua", {"info": {"line_number": 5}}) == "a.lua, line 2"
    assert place_in(text, "a.lua", {"info": {"line_number": 2}}) == "a.lua"
    assert place_in(text, "a.lua", {"info": {}}) == "a.lua"


def test_a_change_of_a_script_is_a_change_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spider_with_a_script.py").write_text(SPIDER.replace("EXAMPLES", "pass"))
    monkeypatch.syspath_prepend(tmp_path)
    spider = importlib.import_module("spider_with_a_script").OwnSpider()
    versions = [version_of(spider)]
    for name in ("region.lua", "lua/region.lua"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("-- new")
        versions.append(version_of(spider))
    assert len({*versions}) == 3  # with DELTA, all pages are fetched
