"""The commands and the code in docs/rendering.md run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from scrapy.utils.test import get_crawler

from spiders.base import SiteSpider
from tests.crawls import ROOT, scrapy
from tests.databases import make_file_with_tables
from tests.processes import server

PAGE = (ROOT / "docs" / "rendering.md").read_text("utf-8")
BLOCKS = [
    block.replace("\n    ", "\n").strip()
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE)
]
COMMANDS = [
    line for block in BLOCKS for line in block.splitlines() if re.match(r"([A-Z]+=\S+ )*scrapy ", line)
]


@pytest.fixture(scope="module")
def small_shop() -> Iterator[str]:
    """Yield the URL of a demo shop with books on three pages of its list, which are three URLs of one pattern."""
    with server("demo", "--port", "0", "--books", "60", "--exit-with-stdin") as url:
        yield url


def test_the_commands_run_in_their_order(small_shop: str, chromium_renderer: str, tmp_path: Path) -> None:
    env = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'docs.db'}",
        "DEMO_URL": small_shop,
        "SPLASH_URL": chromium_renderer,
    }
    assert len(COMMANDS) == 6
    said = []
    for command in COMMANDS:
        words = shlex.split(command.replace("127.0.0.1:8765", urlsplit(small_shop).netloc))
        own = dict(word.split("=") for word in words if re.match("[A-Z]+=", word))
        done = scrapy(*words[len(own) + 1 :], **env | own)
        assert done.returncode == 0, (command, done.stderr[-2000:])
        said.append(done.stdout)
    shown = scrapy("runs", "show", "1", **env).stdout
    assert re.search(r"rendering +\d+ plain, \d+ rendered \(compared: \d+ equal, \d+ unequal\)", shown)
    listed, lines, one, host, rest = said[1:]
    assert "/books?page={n}" in listed
    assert '"spider": "books"' in lines
    assert one == "1 pattern is forgotten; the next crawl learns again\n"
    assert re.match(r"\d+ patterns? (is|are) forgotten", host)
    assert rest == "0 patterns are forgotten; the next crawl learns again\n"


def test_the_spider_of_the_docs_sets_modes() -> None:
    code = next(block for block in BLOCKS if block.startswith("class FilmsSpider"))
    code += "\n    def parse(self, response):\n        pass\n"
    scope = {"SiteSpider": SiteSpider}
    exec(code, scope)
    films = scope["FilmsSpider"]
    assert films.rendering == "auto"
    spider = films.from_crawler(get_crawler(films))
    request = spider.render(
        "https://shop.example/films", spider.parse, wait_for="article", rendering="always"
    )
    assert request.meta["rendering"] == "always"


def test_forget_names_what_it_does_not_know(tmp_path: Path) -> None:
    env = {"DATABASE_URL": f"sqlite:///{tmp_path / 'docs.db'}"}
    make_file_with_tables(env["DATABASE_URL"])
    assert scrapy("rendering", **env).stdout == "nothing was learned yet\n"
    for what in ("7", "no.example"):
        done = scrapy("rendering", "--forget", what, **env)
        assert done.returncode == 1
        assert f"nothing was learned about '{what}'" in done.stderr
