"""A site without Python is crawled like any other: the file of docs/yaml.md on the demo shop, and files with faults."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import urllib.request
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import HtmlResponse
from scrapy.settings import Settings
from sqlalchemy import text

from crawler.yaml_site.classes import model_of, spider_of
from crawler.yaml_site.definition import read_definition
from crawler.yaml_site.page_values import jsonld_value, select, text_of
from crawler.yaml_site.python_file import python_file
from models.base import Base
from models.quote import Quote
from models.session import make_engine
from pipelines.values.coerce import coerce
from tests.crawler.project_copy import ProjectCopy
from tests.crawler.yaml_site.ejected import ejected_module
from tests.crawls import ROOT

DOCS = (ROOT / "docs" / "yaml.md").read_text("utf-8")


def film_of_the_docs(site: str) -> str:
    """Return the file of docs/yaml.md for the books of the demo shop."""
    lines = DOCS.splitlines()
    first = lines.index("    # sites/films.yaml")
    last = next(n for n, line in enumerate(lines) if n > first and line and not line.startswith("    "))
    block = textwrap.dedent("\n".join(lines[first:last]))
    return block.replace(
        "https://shop.example/films", f"{site}/books?page=49"
    )  # the last two pages of the list


def test_a_yaml_file_fills_its_table(tmp_path: Path, demo_site: str, chromium_renderer: str) -> None:
    project = ProjectCopy(tmp_path)
    (project.folder / "spiders" / "films.yaml").write_text(film_of_the_docs(demo_site))
    (project.folder / "spiders" / "broken.yaml").write_text("start: nowhere\nkey: a\nlist: {record: //a}\n")
    (project.folder / "spiders" / "books.yaml").write_text(film_of_the_docs(demo_site))
    project.copy("migrations")
    url = f"sqlite:///{tmp_path}/x.db"
    listed = project.scrapy("list", DATABASE_URL=url)
    assert "films" in listed.stdout.split() and "quotes" in listed.stdout.split()
    assert "spiders/broken.yaml, line" in listed.stderr and "Traceback" not in listed.stderr
    assert "books.py has the same name" in listed.stderr
    for name in ("broken", "books"):
        (project.folder / "spiders" / f"{name}.yaml").unlink()

    assert project.scrapy("migrate", "--new", "films", DATABASE_URL=url).returncode == 0
    done = project.scrapy("crawl", "films", DATABASE_URL=url, SPLASH_URL=chromium_renderer)
    assert done.returncode == 0, done.stderr[-3000:]
    with urllib.request.urlopen(f"{demo_site}/truth.json", timeout=30) as answer:
        books = {book["sku"]: book for book in json.load(answer)["books"]}
    engine = make_engine(url)
    with engine.connect() as connection:
        rows = list(connection.execute(text("SELECT sku, title, price, heading, source FROM films")))
    engine.dispose()
    assert len(rows) == 40
    for sku, title, price, heading, source in rows:
        assert title == heading == " ".join(books[sku]["title"].split()) and source == "shop"
        assert f"{float(price):.2f}" == str(books[sku]["price"])

    ejected = project.scrapy("eject", "films", DATABASE_URL=url)
    assert ejected.returncode == 0, ejected.stderr
    assert not (project.folder / "spiders" / "films.yaml").exists()
    assert "no new migration" in project.scrapy("migrate", "--new", DATABASE_URL=url).stdout
    assert project.scrapy("crawl", "films", DATABASE_URL=url, SPLASH_URL=chromium_renderer).returncode == 0
    changes = project.scrapy("changes", "films", "--run", "2", DATABASE_URL=url)
    assert changes.returncode == 0 and changes.stdout == ""
    for arguments, message in {
        ("films",): "is there already",
        ("nothing",): "No such file",
        (): "it takes",
    }.items():
        refused = project.scrapy("eject", *arguments)
        assert refused.returncode == 1 and message in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("more", "call", "calls"),
    [
        ("", "self.render(START, ", 0),
        ("  scroll: true\n", "self.render_scrolled(", 2),  # the first page, and the next ones
        ("  next_button: //button\n", "self.render_pages(", 1),
    ],
    ids=["", "scrolled", "clicked"],
)
def test_an_ejected_site_is_formatted_and_typed(more: str, call: str, calls: int, tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    long = "//article[contains(concat(' ', normalize-space(@class), ' '), ' a-rather-long-name-of-a-class ')]"
    site = film_of_the_docs("https://shop.example").replace("//article", f'"{long}"', 1)
    if "button" in more:
        site = "".join(line for line in site.splitlines(keepends=True) if "  next:" not in line)
    file.write_text(site.replace("  fields:", f"{more}  fields:", 1))
    text = python_file(read_definition(file))
    assert text.count(call) == calls
    check_format(text, tmp_path)


def check_format(text: str, tmp_path: Path) -> None:
    (tmp_path / "films.py").write_text(text)
    ruff = [sys.executable, "-m", "ruff", "--config", str(ROOT / "pyproject.toml")]
    for command in (["check"], ["format", "--diff"]):
        call = [*ruff[:3], *command, *ruff[3:], str(tmp_path / "films.py")]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


HINTS = """start: https://shop.example/films
key: sku
list:
  record: //article
  fields:
    sku: {xpath: "@data-sku", length: 20}
    price:
      css: .price
      type: decimal
      info:
        decimal: ","
        scale: {Mio: 1000000}
        words: {gratis: 0, auf Anfrage: null, "kostenlos und ohne Anmeldung": 0}
    day: {css: .day, type: date, info: {languages: [de, fr]}}
    seen: {css: .seen, type: datetime, info: {timezone: Europe/Berlin, "fold": 1}}
    sold: {css: .sold, type: bool, info: {words: {ja: true, no: false}, tracked: false}}
"""


def columns_of(model: Any) -> dict[str, Any]:
    return {name: (repr(one.type), one.nullable, dict(one.info)) for name, one in model.fields().items()}


def test_hints_of_a_field_are_those_of_its_column_and_of_the_ejected_file(tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    file.write_text(HINTS)
    site = read_definition(file)
    model = model_of(site, "sites.hinted")
    fields = model.fields()
    assert coerce("12.000 €", fields["price"]) == 12000
    assert coerce("1,2 Mio. €", fields["price"]) == 1200000
    assert coerce("Auf  Anfrage", fields["price"]) is None and coerce("Gratis", fields["price"]) == 0
    assert coerce("3. Mai 2019", fields["day"]) == date(2019, 5, 3)
    assert coerce("2026-10-25 02:30", fields["seen"]).isoformat() == "2026-10-25T01:30:00+00:00"
    assert coerce("no", fields["sold"]) is False and fields["sold"].info["tracked"] is False
    yaml_columns = columns_of(model)
    Base.metadata.remove(model.table())

    text = python_file(site)
    assert columns_of(ejected_module(text, "sites.ejected_hints").FilmsRow) == yaml_columns
    check_format(text, tmp_path)


@pytest.mark.parametrize(
    "more", ["", "  scroll: true\n", "  next_button: //button\n"], ids=["", "scrolled", "clicked"]
)
def test_the_seconds_of_a_wait_are_those_of_the_requests(more: str, tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    text = film_of_the_docs("https://shop.example")
    if "button" in more:
        text = "".join(line for line in text.splitlines(keepends=True) if "  next:" not in line)
    text = text.replace("  fields:", f"  wait_for: .film\n  wait_timeout: 12.25\n{more}  fields:", 1)
    file.write_text(text.replace("//article/h1", "//article/h1\n  wait_timeout: 20"))
    site = read_definition(file)
    ejected = python_file(site)
    check_format(ejected, tmp_path)
    html = '<article><h3><a href="/f/1">a</a></h3></article><a rel="next" href="?page=2">more</a>'
    page = HtmlResponse("https://shop.example/films", body=html, encoding="utf-8")
    name = f"sites.ejected_{len(more)}"
    for kind in (spider_of(site, Quote, "sites.waits"), ejected_module(ejected, name).FilmsSpider):
        spider = kind()
        spider.settings = Settings()
        requests = asyncio.run(started(spider)) + list(spider.parse(page))
        seconds = [request.meta["render"]["timeout"] for request in requests]
        assert seconds == ([12.25, 20] if "button" in more else [12.25, 20, 12.25])


async def started(spider: Any) -> list[Any]:
    return [request async for request in spider.start()]


def test_a_list_that_scrolls_is_requested_so(tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    text = film_of_the_docs("https://shop.example")
    file.write_text(text.replace("  fields:", "  scroll: true\n  wait_for: .film\n  fields:", 1))
    site = read_definition(file)
    spider = spider_of(site, Quote, "sites.films")()
    calls: list[tuple[str, Any]] = []
    spider.render = lambda url, callback, **more: calls.append((url, more))
    spider.render_scrolled = lambda url, callback, **more: calls.append((url, more))

    async def start() -> None:
        async for _ in spider.start():
            pass

    asyncio.run(start())
    html = '<article><h3><a href="/f/1">a</a></h3></article><a rel="next" href="?page=2">more</a>'
    list(spider.parse(HtmlResponse("https://shop.example/films", body=html, encoding="utf-8")))
    scrolled = {"items": "//article", "wait_for": ".film", "timeout": None}
    assert [more for _, more in calls] == [scrolled, {**calls[1][1]}, scrolled]
    assert calls[1][1]["wait_for"] == "//article/h1"  # the page of a record is not a list


PAGE = """<html><head><script type="application/ld+json">not json</script>
<script type="application/ld+json">[{"@graph": [{"offers": [{"price": 7.5}]}, {"sku": ["a", "b"]}]}]</script></head>
<body><h1> A  <b>title</b>
 </h1><p> </p><p>second</p><a href="/x">y</a></body></html>"""


@pytest.mark.parametrize(
    ("query", "value"),
    {
        "//h1": "A title",
        "//p": "second",  # the first one has no text
        "//a/@href": "/x",
        "a::attr(href)": "/x",
        "string(//h1)": "A title",
        "count(//p)": "2.0",
        "//nothing": None,
        "h2": None,
    }.items(),
)
def test_a_selector_returns_the_first_text(query: str, value: str | None) -> None:
    response = HtmlResponse("https://shop.example/", body=PAGE, encoding="utf-8")
    assert text_of(select(response, query)) == value


JOINED = """start: https://shop.example/films
key: sku
list:
  record: article
  fields:
    sku: "@id"
    tags: {css: .tag, join: ", "}
    price: {xpath: ".//b", join: "", type: decimal}
    links: {css: "a::attr(href)", join: " ", type: url}
    long: {xpath: ".//p[contains(concat(' ', normalize-space(@class), ' '), ' a-long-name-of-a-class ')]//b", join: '"'}
    none: {css: .none, join: ", "}
    first: .//i
"""
JOINED_PAGE = """<article id=1><i class=tag>dev</i><i class=tag> </i><i class=tag>eu <b>12</b></i><i class=tag>prod</i>
<b>.50</b><a href=/x>x</a><a>no link</a><a href=y>y</a><p class=a-long-name-of-a-class><b>l</b><b>m</b></p></article>"""


def test_the_texts_of_all_matches_are_joined_in_the_site_and_in_the_ejected_file(tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    file.write_text(JOINED)
    site = read_definition(file)
    response = HtmlResponse("https://shop.example/films", body=JOINED_PAGE, encoding="utf-8")
    expected = {
        "sku": "1",
        "tags": "dev, eu 12, prod",
        "price": "12.50lm",
        "links": "https://shop.example/x https://shop.example/y",
        "long": 'l"m',
        "none": None,
        "first": "dev",
    }
    assert list(spider_of(site, Quote, "sites.joined")().parse(response)) == [expected]
    text = python_file(site)
    ejected = ejected_module(text, "sites.ejected_join")
    assert list(ejected.FilmsSpider().parse(response)) == [expected]
    check_format(text, tmp_path)


@pytest.mark.parametrize(
    ("path", "value"), {"offers.price": 7.5, "sku": "a", "brand": None, "offers.price.x": None}.items()
)
def test_a_path_in_json_ld_returns_the_first_value(path: str, value: object) -> None:
    response = HtmlResponse("https://shop.example/", body=PAGE, encoding="utf-8")
    assert jsonld_value(response, path) == value
