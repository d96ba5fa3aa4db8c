"""The code on docs/spiders.md: the model and the spider fill tables, and each method renders a real page."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scrapy import Request
from scrapy.http import HtmlResponse, TextResponse
from sqlalchemy import LargeBinary
from sqlalchemy.orm import mapped_column

from crawler.splash.step_problems import step_problem
from tests.crawler.project_copy import ProjectCopy
from tests.crawls import scrapy
from tests.processes import ROOT
from tests.spiders.docs_examples import PAGE, SITE, examples_of_the_docs
from tests.spiders.needs_site import needs_site

MORE = """
    def parse_item(self, response, item):
        yield item
        ITEM
"""

METHODS = """
from spiders.base import SiteSpider

class MethodsSpider(SiteSpider):
    name = "methods"
    custom_settings = {"ITEM_PIPELINES": {}}
    password = "demo"

    async def start(self):
        EXAMPLES

    def parse(self, response):
        found = len(response.css("article, .quote, .entry, tr.order"))
        yield {"page": response.url.rpartition("/")[2], "found": found}
"""

# The headings of docs/spiders.md whose blocks other files of this folder run.
ELSEWHERE = {
    "test_page_steps.py": {"`click` and `dismiss`", "`quiet`", "`screenshot`", "`shadow_roots`"},
    "test_own_scripts.py": {"`render_with`: a script of your own"},
}


def test_the_model_and_the_spider_fill_the_tables(tmp_path: Path) -> None:
    project = ProjectCopy(tmp_path)
    blocks = PAGE.below("Writing a spider")
    (model,) = [block.text for block in blocks if block.text.startswith("# models/film.py")]
    (spider,) = [block.text for block in blocks if block.text.startswith("# spiders/films.py")]
    (project.copy("models") / "film.py").write_text(model)
    project.copy("migrations")
    with needs_site() as site:
        carried = examples_of_the_docs("What may a request carry?", site.url)
        item = examples_of_the_docs("How does a spider fill several tables?", site.url, "yield Film.item")
        text = spider.replace(SITE, site.url).replace(
            "    def parse(", f"        {carried}\n\n    def parse(", 1
        )
        (project.folder / "spiders" / "films.py").write_text(text + MORE.replace("ITEM", item))
        env = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
        migrated = project.scrapy("migrate", "--new", "the new table", **env)
        assert migrated.returncode == 0, migrated.stderr
        done = project.scrapy("crawl", "films", **env)
    assert done.returncode == 0, done.stderr[-3000:]
    database = sqlite3.connect(tmp_path / "x.db")
    films = database.execute("SELECT slug, title, price, released FROM film ORDER BY slug").fetchall()
    roles = database.execute("SELECT slug, actor, name FROM film_role ORDER BY actor").fetchall()
    database.close()
    assert films == [("alien", "Alien", 7.5, "2019-05-03"), ("brazil", "Brazil", None, None)]
    assert roles == [("alien", "John Hurt", None), ("alien", "Sigourney Weaver", "Ripley")]


def test_each_method_renders_the_page_of_its_example(
    tmp_path: Path, chromium_renderer: str, demo_site: str
) -> None:
    headings = ["`render`", "`render_scrolled`", "`render_pages`"]
    examples = [examples_of_the_docs(heading, demo_site) for heading in headings]
    examples.append(examples_of_the_docs("`log_in`", demo_site, "demo"))
    (tmp_path / "methods.py").write_text(METHODS.replace("EXAMPLES", "\n        ".join(examples)))
    done = scrapy(
        "runspider", str(tmp_path / "methods.py"), "-O", f"{tmp_path}/out.jsonl",
        SPLASH_URL=chromium_renderer, DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[int]] = {}
    for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        found.setdefault(item["page"], []).append(item["found"])
    assert found.pop("quotes")[0] > 20  # more than without scrolling
    assert len(found.pop("catalogue")) > 1  # a call for each page of the list
    assert set(found) == {"books", "orders"} and all(number for (number,) in found.values())


def test_a_picture_is_a_column_that_is_not_in_the_history() -> None:
    column, item = (block.text for block in PAGE.below("`screenshot`")[1:])
    name, _, made = column.partition(": ")
    picture = eval(
        made.partition(" = ")[2], {"mapped_column": mapped_column, "LargeBinary": LargeBinary}
    ).column
    assert isinstance(picture.type, LargeBinary) and picture.info == {"tracked": False}
    spider = SimpleNamespace(screenshot_of=lambda response: b"PNG of " + response)
    fields = eval(item.removeprefix("yield "), {"self": spider, "response": b"alien"})
    assert fields == {"slug": "alien", name: b"PNG of alien"}


def test_a_spider_tells_which_pages_changed() -> None:
    (block,) = PAGE.below("How does a spider say that a page did not change?")
    names: dict[str, Any] = {"Request": Request}
    exec(block.text, names)

    async def download_async(request: Request) -> TextResponse:
        return TextResponse(request.url, body=b"https://shop.example/films/alien\n")

    spider = SimpleNamespace(crawler=SimpleNamespace(engine=SimpleNamespace(download_async=download_async)))
    asyncio.run(names["read_changes"](spider))
    assert names["changed_since"](spider, "https://shop.example/films/alien", None) is True
    assert names["changed_since"](spider, "https://shop.example/films/brazil", None) is False


def test_a_callback_with_the_functions_of_splashdown_yields_what_the_page_shows() -> None:
    html, code, item = (block.text for block in PAGE.below("What does `splashdown` offer to a site's file?"))
    response = HtmlResponse("https://shop.example/films", body=html, encoding="utf-8")
    names: dict[str, Any] = {}
    exec(code, names)
    assert list(names["parse"](None, response)) == [ast.literal_eval(item)]


def test_the_errors_of_the_page_are_those_of_the_steps() -> None:
    shown = PAGE.below("`click` and `dismiss`")[1].text.splitlines()
    one = {"selector": "#more", "number": 1}
    two = {"click": ["#tab", "#more"], "wait_for": "li"}
    assert shown == [
        step_problem(
            {**one, "problem": "gone", "changed": False}, {"click": ["#more"], "wait_for": "//li"}, 10
        ),
        step_problem({**one, "problem": "same", "changed": True}, {"click": ["#more"], "wait_for": "li"}, 10),
        step_problem({"selector": "#more", "number": 2, "problem": "none"}, two, 10),
        step_problem({**one, "problem": "disabled"}, {"click": ["#more"], "wait_for": "li"}, 10),
    ]


def test_every_block_of_the_page_is_run_by_a_test() -> None:
    here = Path(__file__).read_text("utf-8")
    elsewhere = {
        heading
        for file, headings in ELSEWHERE.items()
        for heading in headings
        if heading in (ROOT / "tests" / "spiders" / file).read_text("utf-8")
    }
    not_run = {
        block.heading
        for block in PAGE.blocks
        if block.heading not in elsewhere and not re.search(rf'"{re.escape(block.heading)}"', here)
    }
    assert not_run == set(), "write a test that runs the code below these headings"
