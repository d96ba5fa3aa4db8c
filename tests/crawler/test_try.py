"""``scrapy try``: the rows as they would be stored, what is wrong, and nothing in the tables."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from parsel import Selector
from rich.console import Console
from scrapy.http import HtmlResponse

from crawler.page.element import has_element
from crawler.trial.report import fitting_widths, natural_order, print_rows
from crawler.trial.selector_hits import SelectorHits
from tests.crawler.project_copy import ProjectCopy
from tests.processes import ROOT

SPIDER = """
from models import Quote
from spiders.base import SiteSpider


class SayingsSpider(SiteSpider):
    name = "sayings"
    model = Quote

    async def start(self):
        for page in ("", "?page=2", "?page=3"):
            yield self.render(self.settings["DEMO_URL"] + "/books" + page, self.parse, wait_for="//article")

    def parse(self, response):
        for number, one in enumerate(response.xpath("//article")):
            yield {
                "quote_id": NUMBER,
                "body": one.xpath("string(.//h3)").get(),
                "author": one.xpath("string(.//h4)").get() or "nobody",
            }

    def parse_more(self, response):
        yield {"quote_id": 7, "body": response.url, "author": "x"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectCopy]:
    project = ProjectCopy(tmp_path)
    project.copy("spiders")
    yield project


def write(project: ProjectCopy, number: str) -> None:
    (project.folder / "spiders" / "sayings.py").write_text(SPIDER.replace("NUMBER", number))


def test_a_trial_shows_rows_and_selectors_without_a_hit(
    project: ProjectCopy, demo_site: str, chromium_renderer: str
) -> None:
    write(project, "number")
    database = project.folder / "x.db"
    env = {"DEMO_URL": demo_site, "DATABASE_URL": f"sqlite:///{database}", "COLUMNS": "200"}
    env["SPLASH_URL"] = chromium_renderer
    done = project.scrapy("try", "sayings", "--pages", "1", **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "quote, 20 rows" in done.stdout and "100% filled" in done.stdout
    assert "0 hits for string(.//h4) (spiders/sayings.py, line 19)" in done.stdout
    assert "pages 1, rows 20, rejected items 0, failed pages 0" in done.stdout
    page = project.folder / "data" / "try" / "sayings" / "1.html"
    assert "<article" in page.read_text("utf-8")
    assert not database.exists()

    second = project.scrapy("try", "sayings", f"{demo_site}/books?page=2", "--pages", "1", **env)
    assert f"HTTP 200 {demo_site}/books?page=2" in second.stdout and "quote, 20 rows" in second.stdout
    other = project.scrapy("try", "sayings", f"{demo_site}/books?page=2", "-c", "parse_more", **env)
    assert other.returncode == 0 and f"{demo_site}/books?page=2" in other.stdout

    write(project, '"one"')
    wrong = project.scrapy("try", "sayings", "--pages", "1", **env)
    assert wrong.returncode == 2
    assert "rejected (quote): quote_id" in wrong.stdout and "rows 0, rejected items 20" in wrong.stdout


class Moving(BaseHTTPRequestHandler):
    """A site whose robots.txt leads to another page."""

    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/robots.txt" else 200)
        if self.path == "/robots.txt":
            self.send_header("Location", "/login")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        kind = "nav" if self.path == "/login" else "film"
        rows = "".join(f"<li class={kind}><a href=/{kind}{n}>{kind} {n}</a></li>" for n in range(9))
        self.wfile.write(f"<html><body><ul>{rows}</ul></body></html>".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_robots_txt_that_redirects_is_no_page(project: ProjectCopy) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/list"
        done = project.scrapy("new", "films", url, "--plain")
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert "film 1" in done.stdout and "nav" not in done.stdout


def test_the_page_of_an_element_that_did_not_appear_is_shown(
    project: ProjectCopy, demo_site: str, chromium_renderer: str
) -> None:
    write(project, "number")
    file = project.folder / "spiders" / "sayings.py"
    file.write_text(file.read_text().replace('wait_for="//article"', 'wait_for="//nothing", timeout=0.5'))
    env = {"DEMO_URL": demo_site, "SPLASH_URL": chromium_renderer, "COLUMNS": "200"}
    done = project.scrapy("try", "sayings", "--pages", "1", **env)
    assert done.returncode == 2 and "'//nothing' never appeared" in done.stdout
    (snapshot,) = sorted((project.folder / "data" / "try" / "sayings" / "snapshots").rglob("*.html"))[:1]
    assert str(snapshot) in done.stdout and "<article" in snapshot.read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "message"),
    {
        "try": "it takes a spider's name",
        "try nothing": "there is no spider 'nothing'",
        "try books --pages 0": "a trial needs at least one page",
        "try books --callback parse": "--callback needs the URL of a page",
        "try books http://x.example/ -c parse_nothing": "books has no callback parse_nothing",
        "try books x.example": "x.example is no URL",
    }.items(),
)
def test_a_trial_that_cannot_start_says_why_in_one_line(
    line: str, message: str, project: ProjectCopy
) -> None:
    done = project.scrapy(*line.split())
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr


def test_hits_are_counted_for_the_lines_of_the_project_only() -> None:
    ours, elsewhere = SelectorHits(Path(__file__).parent), SelectorHits(Path("/nowhere"))
    page = Selector("<ul><li>a</li><li> </li></ul>")
    for hits in (ours, elsewhere):
        with hits.counting():
            page.xpath("//li")
            page.xpath("//li").xpath("string(.)")
            page.css("b::text")
    found = [(place.query, ours.calls[place], ours.hits[place]) for place in sorted(ours.calls)]
    assert found == [("//li", 1, 2), ("//li", 1, 2), ("string(.)", 2, 1), ("b::text", 1, 0)]
    assert not elsewhere.calls
    assert {place.file for place in ours.calls} == {Path(__file__).name}


def test_a_selector_that_splashdown_looks_for_itself_is_not_counted() -> None:
    hits = SelectorHits(ROOT)
    response = HtmlResponse("https://shop.example/", body="<ul><li>a</li></ul>", encoding="utf-8")
    with hits.counting():
        assert has_element(response, "//li")
    assert not hits.calls


def test_xpaths_that_leave_their_element_are_named() -> None:
    page = Selector("<ul><li>a<b>x</b></li><li>b</li></ul>").xpath("//li")[0]
    hits = SelectorHits(Path(__file__).parent)
    leaving = ["./following-sibling::li[1]", "string(../li[2])", "normalize-space((..)[1])", "ancestor::ul"]
    with hits.counting():
        for query in (*leaving, "b", "./b/following-sibling::i", "b/..", "following-sibling::p", "//li/.."):
            page.xpath(query)
    assert sorted(place.query for place in hits.leaving_records()) == sorted(leaving)


def test_numbers_in_texts_are_sorted_by_their_value() -> None:
    keys = [("10",), ("a10",), ("9",), ("a9",), ("010",), (None,), (2,), ("9" * 5000,)]
    assert sorted(keys, key=natural_order) == [
        (2,), ("9",), ("10",), ("010",), ("9" * 5000,), (None,), ("a9",), ("a10",),
    ]  # fmt: skip


def shown(names: list[str], width: int) -> str:
    """Return what is printed of five rows: a short key, a price, and long texts."""
    rows = [
        {name: f"{name} text that is longer than a column {i}" for name in names} | {"nr": i, "price": "3.90"}
        for i in range(5)
    ]
    rows[4][names[-1]] = None
    console = Console(file=StringIO(), width=width)
    print_rows(console, "stock", names, rows)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_columns_that_fit_are_side_by_side_with_their_short_values_and_names() -> None:
    names = ["nr", "title", "place", "price", "text_1", "text_2", "text_3"]
    text = shown(names, 80)
    for name in names:
        assert f" {name} " in text, name
    assert text.count(" title t") == 5 and text.count(" 3.90 ") == 5 and "│ 4    │" in text
    assert text.count(" 100% ") == 6 and " 80% " in text
    assert max(map(len, text.splitlines())) <= 80
    wide = shown(names[:3], 200)
    assert "title text that is longer than a" in wide and "100% filled" in wide


def test_columns_that_do_not_fit_are_shown_vertically() -> None:
    names = ["nr", "price", *(f"text_{i}" for i in range(7))]
    text = shown(names, 60)
    lines = text.splitlines()
    assert lines[:3] == ["stock, 5 rows", "row 1:", "  nr: 0"]
    assert lines[10] == "  text_6: text_6 text that is longer than a column 0"
    assert "row 3:" in lines and "row 4:" not in lines and lines.count("  price: 3.90") == 3
    assert lines[-10:-7] == ["columns of all 5 rows:", "  nr: 100% filled", "  price: 100% filled"]
    assert lines[-1] == "  text_6: 80% filled"


def test_only_the_widest_columns_of_a_table_are_narrower_than_their_texts() -> None:
    assert fitting_widths([11, 11, 40], [4, 8, 8], 80) == [11, 11, 40]
    assert fitting_widths([11, 11, 40], [4, 8, 8], 50) == [11, 11, 18]
    assert fitting_widths([11, 11, 40], [4, 8, 8], 30) == [4, 8, 8]
    assert fitting_widths([11, 11, 40], [4, 8, 8], 29) is None


def test_a_button_that_is_not_on_the_page_is_named(
    project: ProjectCopy, demo_site: str, chromium_renderer: str
) -> None:
    write(project, "number")
    render = 'self.render(self.settings["DEMO_URL"] + "/books" + page, self.parse, wait_for="//article")'
    pages = render.replace("render(", "render_pages(").replace("wait_for=", 'next_button=".nxt", wait_for=')
    project.edit("spiders/sayings.py", render, pages)
    env = {"DEMO_URL": demo_site, "SPLASH_URL": chromium_renderer, "COLUMNS": "200"}
    done = project.scrapy("try", "sayings", "--pages", "1", **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"next_button '.nxt' was on no page of {demo_site}/books: if the list has more pages" in done.stdout
    )
    assert "quote, 20 rows" in done.stdout


class Endless(BaseHTTPRequestHandler):
    """A list whose script changes the address of the page, as endless lists do when they are scrolled."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/robots.txt" else 200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        items = "".join(f"<div class=item>item {n}</div><p>text {n}</p>" for n in range(3))
        script = "<script>history.replaceState(null, '', '/page/4')</script>"
        self.wfile.write(f"<html><body>{items}{script}</body></html>".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


SCROLLED = """
from models import Quote
from spiders.base import SiteSpider


class ScrolledSpider(SiteSpider):
    name = "scrolled"
    model = Quote

    async def start(self):
        yield self.render_scrolled("SITE/start", self.parse, items="//div[@class='item']", quiet=0.2)

    def parse(self, response):
        for number, one in enumerate(response.xpath("//div[@class='item']")):
            text = one.xpath("string(./following-sibling::p[1])").get()
            yield {"quote_id": number, "body": text, "author": one.xpath("string()").get()}
"""


def test_the_requested_url_of_a_scrolled_page_and_selectors_that_leave_its_items_are_shown(
    project: ProjectCopy, chromium_renderer: str
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}"
    (project.folder / "spiders" / "scrolled.py").write_text(SCROLLED.replace("SITE", site))
    try:
        done = project.scrapy("try", "scrolled", SPLASH_URL=chromium_renderer, COLUMNS="200")
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"HTTP 200 {site}/start (now {site}/page/4): " in done.stdout
    leaves = "string(./following-sibling::p[1]) (spiders/scrolled.py, line 15) leaves an element, and the items of a"
    assert leaves in done.stdout and done.stdout.count("leaves an element") == 1


class Forbidding(BaseHTTPRequestHandler):
    """A site whose robots.txt forbids all pages."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"User-agent: *\nDisallow: /\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_page_that_robots_txt_forbids_is_named_with_what_to_do(project: ProjectCopy) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forbidding)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    site = LISTED.replace("SITE", f"http://{host}") + "rendering: never\n"
    (project.folder / "spiders" / "listed.yaml").write_text(site)
    project.copy("migrations")
    try:
        new = project.scrapy("new", "films", f"http://{host}/list", "--plain")
        tried = project.scrapy("try", "listed", COLUMNS="200")
        url = f"sqlite:///{project.folder}/x.db"
        project.scrapy("migrate", "--new", "listed", DATABASE_URL=url)
        crawled = project.scrapy("crawl", "listed", DATABASE_URL=url)
    finally:
        server.shutdown()
        server.server_close()
    for done, path in ((new, "list"), (tried, "books?page=1"), (crawled, "books?page=1")):
        said = (
            f"robots.txt of {host} forbids http://{host}/{path}: not requested; if you may read it anyway, "
            "write ROBOTSTXT_OBEY=0 into .env"
        )
        assert done.returncode == 2 and said in done.stdout + done.stderr


LISTED = """start: SITE/books?page=1
key: sku
list:
  record: article
  fields:
    sku: {xpath: "@data-sku"}
    title: h3
    writer: h6
  follow: h3 a::attr(href)
  next: "//a[@rel='next']/@href"
detail:
  wait_for: h1
  fields:
    heading: h1
    maker: .//h5
"""


def test_a_trial_of_a_yaml_site_counts_hits_by_field_and_reads_pages_of_records(
    project: ProjectCopy, demo_site: str, chromium_renderer: str
) -> None:
    file = project.folder / "spiders" / "listed.yaml"
    file.write_text(LISTED.replace("SITE", demo_site))
    env = {"SPLASH_URL": chromium_renderer, "COLUMNS": "200"}
    done = project.scrapy("try", "listed", **env)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = [line for line in done.stdout.splitlines() if line.startswith("HTTP 200")]
    assert len(pages) == 3 and [("page=" in line) for line in pages] == [True, False, False]
    assert "listed, 2 rows" in done.stdout
    assert "0 hits for h6 (spiders/listed.yaml, line 8, list.fields.writer)" in done.stdout
    assert "0 hits for .//h5 (spiders/listed.yaml, line 15, detail.fields.maker)" in done.stdout
    assert done.stdout.count("0 hits") == 2
    assert "listed.writer: no value in any row" in done.stdout and "listed.title: no" not in done.stdout
    table = [" ".join(line.replace("│", " ").split()) for line in done.stdout.splitlines()]
    assert "20 20 h3 spiders/listed.yaml:7 list.fields.title" in table
    assert "20 20 @data-sku spiders/listed.yaml:6 list.fields.sku" in table
    assert "20 1 article spiders/listed.yaml:4 list.record" in table
    assert "1 1 //a[@rel='next']/@href spiders/listed.yaml:10 list.next" in table
    assert "/page_values.py" not in done.stdout
