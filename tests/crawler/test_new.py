"""``scrapy new`` on hard pages: lists that come late, windowed grids, and pages without a list."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from scrapy.http import HtmlResponse, TextResponse
from scrapy.settings import Settings
from twisted.python.failure import Failure

from crawler.commands.new import Command, is_placeholder, notes
from crawler.splash.page_endpoint import ENDPOINT
from crawler.splash.rendered_pages import NeverAppeared
from crawler.suggestion.suggestion import RARE, Field, LeftOut, Suggestion
from crawler.trial import page_spider as spiders
from crawler.trial.page_spider import LONG_QUIET, page_spider
from crawler.trial.questions import show
from crawler.trial.trial_pages import TrialPage, TrialPages
from tests.crawler.project_copy import ProjectCopy

MENU = "<nav><ul>" + "".join(f"<li><a href=/m/{n}>Menu {n}</a></li>" for n in range(6)) + "</ul></nav>"
FILMS = "".join(f"<li class=film><a href=/f/{n}>Film {n} of many</a> <b>{n}.50</b></li>" for n in range(9))
# The page makes no request for longer than the first look waits.
LATE = f"""{MENU}<div id=list>loading</div><script>
setTimeout(() => {{ document.getElementById("list").innerHTML = "<ul>{FILMS}</ul>" }}, 2500)</script>"""
# Parts of the page look like records before the list is there: the page is not ready.
PARTS = "".join(f"<div class=part><div>Part {n} of the page, {'x' * n}</div></div>" for n in range(3))
PLACEHOLDER = LATE.replace("loading", PARTS)
GRID = """<div role=grid aria-rowcount=61 style="height: 200px; overflow: auto">
<div role=row style="position: sticky; top: 0"><b role=columnheader>No</b> <b role=columnheader>Film ▲</b></div>
<div id=all style="height: 1200px; position: relative"></div></div><script>
const all = document.getElementById("all"), grid = all.parentElement;
const draw = () => {
  const first = Math.floor(grid.scrollTop / 20);
  all.innerHTML = Array.from({length: Math.min(12, 60 - first)}, (_, n) => n + first + 1).map(n =>
    `<div role=row class=line style="position: absolute; top: ${n * 20 - 20}px"><i role=cell>${n}</i>
     <i role=cell><a href=/f/${n}>Film number ${n}</a></i></div>`).join("");
};
grid.addEventListener("scroll", draw); setTimeout(draw, 300);</script>"""
# The places of the records are in a style sheet that a script made, which is not in the HTML.
WINDOW = """<div id=box style="height: 400px; overflow: auto">
<ul id=all style="height: 3200px; position: relative"></ul>
</div><style></style><script>
const sheet = document.styleSheets[0], box = document.getElementById("box"), all = document.getElementById("all");
for (let n = 0; n < 80; n++) sheet.insertRule(`.p${n} { position: absolute; top: ${n * 40}px }`);
const draw = () => {
  const first = Math.floor(box.scrollTop / 40);
  all.innerHTML = Array.from({length: Math.min(14, 80 - first)}, (_, n) => n + first).map(n =>
    `<li class="thing p${n}"><b>Thing number ${n}</b> <i>${(n * 37) % 91}.50</i></li>`).join("");
};
box.addEventListener("scroll", draw); draw();</script>"""
# The first rows differ in their name, and all have a price; of all 60 rows only the number differs.
UNEVEN = (
    GRID.replace("Film number ${n}", "Film ${n % 25}")
    .replace("</a></i></div>", "</a></i><i role=cell>${n < 40 ? n + '.50' : ''}</i></div>")
    .replace(
        "<b role=columnheader>Film ▲</b>",
        """<b role=columnheader>Film <i class="Grid_visually-hidden">sorted</i></b>
<b role=columnheader>Price <i style="display: none">not sorted</i></b>""",
    )
    .replace("href=/f/${n}", "href=/films")
)
# The numbers begin at 1 on each page, the last page has no prices, and a class disables the button there.
CLICKED = """<table><thead><tr><th>Line<th>Film<th>Price</tr></thead><tbody></tbody></table>
<ul class=pagination><li><a href="#" title="Next">»</a></ul><script>
const body = document.querySelector("tbody"), next = document.querySelector("a"); let page = 0;
const draw = () => {
  body.innerHTML = Array.from({length: page < 2 ? 10 : 5}, (_, n) =>
    `<tr><td>${n + 1}<td>Film number ${page * 10 + n}<td>${page < 1 ? n + ".50" : ""}</tr>`).join("");
  next.parentElement.className = page < 2 ? "page-item" : "page-item disabled";
};
next.onclick = (event) => { event.preventDefault(); if (page < 2) page += 1; setTimeout(draw, 100); };
draw();</script>"""


def linked(page: int) -> str:
    """Return a page of a list: its last page has no prices, and the numbers begin at 1."""
    rows = "".join(
        f"<tr><td>{n + 1}<td>Film number {page * 10 + n}<td>{'' if page else f'{n}.50'}</tr>"
        for n in range(10)
    )
    following = "" if page else "<a rel=next href=/linked2>next</a>"
    return f"<table><tr><th>Line<th>Film<th>Price</tr>{rows}</table>{following}"


KINDS = "<ul>" + "".join(
    f"<li class={kind}><a href=/w/{n}>Watch {n}</a> <b>{n} h</b></li>" for n, kind in enumerate(["on", "on", "off"])
) + "</ul>"  # fmt: skip


def named(page: int) -> str:
    """Return a page of a list of three pages, whose link to the page before has the label of the next page, too."""
    rows = "".join(
        f"<li class=film><a href=/f/{page}{n}>Film {page}{n}</a> <b>{n}.50</b></li>" for n in range(9)
    )
    back = f"<a aria-label='next page' href=/named{page - 1 or ''}>« Previous</a>" if page else ""
    on = f"<a class=next aria-label='next page' href=/named{page + 1}>Next »</a>" if page < 2 else ""
    return f"<ul>{rows}</ul><p>{back} {on}</p>"


OTHERS = {
    "/clicked": CLICKED,
    "/linked": linked(0),
    "/kinds": KINDS,
    "/linked2": linked(1),
    **{f"/named{page or ''}": named(page) for page in range(3)},
}
PAGES = OTHERS | {
    "/late": LATE,
    "/placeholder": PLACEHOLDER,
    "/grid": GRID,
    "/window": WINDOW,
    "/uneven": UNEVEN,
}


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = PAGES.get(self.path)
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"<!DOCTYPE html><html><body>{page}</body></html>".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path) -> ProjectCopy:
    project = ProjectCopy(tmp_path)
    project.copy("spiders")
    return project


@pytest.mark.parametrize("page", ["late", "placeholder"])
def test_a_list_that_comes_late_is_found_at_the_second_look(
    project: ProjectCopy, site: str, chromium_renderer: str, page: str
) -> None:
    done = project.scrapy("new", "films", f"{site}/{page}", "--yaml", SPLASH_URL=chromium_renderer)
    assert done.returncode == 0, done.stderr
    assert "9 records" in done.stdout and "menu" not in done.stdout
    file = project.folder / "spiders" / "films.yaml"
    assert yaml.safe_load(file.read_text("utf-8"))["list"]["fields"]["title"]


def test_a_windowed_grid_is_scrolled_and_waited_for(
    project: ProjectCopy, site: str, chromium_renderer: str
) -> None:
    env = {"SPLASH_URL": chromium_renderer, "COLUMNS": "200"}
    done = project.scrapy("new", "films", f"{site}/grid", "--yaml", "--wait-for", ".line", **env)
    assert done.returncode == 0, done.stderr
    assert "The list has 60 records, and 12 of them are on the page" in done.stdout
    listed = yaml.safe_load((project.folder / "spiders" / "films.yaml").read_text("utf-8"))["list"]
    assert (listed["wait_for"], listed["scroll"]) == (".line", True)
    assert {"no", "film", "url"} == set(listed["fields"])
    tried = project.scrapy("try", "films", **env)
    assert "films, 60 rows" in tried.stdout, tried.stdout + tried.stderr


def test_all_records_of_a_windowed_list_decide_on_the_key_and_on_what_may_be_missing(
    project: ProjectCopy, site: str, chromium_renderer: str
) -> None:
    env = {"SPLASH_URL": chromium_renderer, "COLUMNS": "200"}
    done = project.scrapy("new", "films", f"{site}/uneven", "--yes", **env)
    assert done.returncode == 0, done.stderr
    text = (project.folder / "spiders" / "films.py").read_text("utf-8")
    assert re.search(r"no: Mapped\[int\] = mapped_column\(.*primary_key=True", text), text
    assert "film: Mapped[str] =" in text
    assert "price: Mapped[Decimal | None]" in text
    tried = project.scrapy("try", "films", **env)
    assert "films, 60 rows" in tried.stdout, tried.stdout + tried.stderr
    assert "render_scrolled" not in tried.stdout
    file = project.folder / "spiders" / "films.py"
    unscrolled = re.sub(r"render_scrolled\((.*), items=RECORD.*\)", r"render(\1, wait_for=RECORD)", text)
    file.write_text(unscrolled)
    tried = project.scrapy("try", "films", **env)
    note = (
        "the list says that it has 60 records, and 12 are on the page: request the page with render_scrolled("
    )
    assert note in " ".join(tried.stdout.split())
    project.copy("migrations")
    url = {**env, "DATABASE_URL": f"sqlite:///{project.folder}/films.db"}
    assert project.scrapy("migrate", "--new", **url).returncode == 0
    crawled = project.scrapy("crawl", "films", **url)
    assert crawled.returncode == 0, crawled.stderr
    warning = f"films: 12 results of a grid that says it has 61 rows: {site}/uneven: if rows are missing"
    assert warning in crawled.stderr
    assert "12 results of a grid" in project.scrapy("runs", "show", "1", **url).stdout


def test_the_button_of_the_next_page_is_clicked(
    project: ProjectCopy, site: str, chromium_renderer: str
) -> None:
    env = {"SPLASH_URL": chromium_renderer, "COLUMNS": "200"}
    done = project.scrapy("new", "films", f"{site}/clicked", "--yaml", **env)
    assert done.returncode == 0, done.stderr
    assert "The list has more pages: the site clicks the button 'Next' (render_pages)." in done.stdout
    written = yaml.safe_load((project.folder / "spiders" / "films.yaml").read_text("utf-8"))
    assert written["list"]["next_button"] == "//a[@title='Next']"
    assert written["key"] == ["film"], "the number of the line begins at 1 on each page"
    tried = project.scrapy("try", "films", **env)
    assert "films, 25 rows" in tried.stdout, tried.stdout + tried.stderr
    python = project.scrapy("new", "movies", f"{site}/clicked", "--yes", "--key", "film, line", **env)
    assert python.returncode == 0, python.stderr
    text = (project.folder / "spiders" / "movies.py").read_text("utf-8")
    assert text.count("primary_key=True") == 2
    assert "self.render_pages(START, self.parse, next_button=NEXT_BUTTON, wait_for=" in text
    assert "price: Mapped[Decimal | None]" in text


def test_a_key_that_is_no_field_is_refused(project: ProjectCopy, site: str) -> None:
    done = project.scrapy("new", "films", f"{site}/linked", "--yes", "--plain", "--key", "film,nothing")
    assert done.returncode == 1
    assert "--key: there is no field 'nothing'; there are line, film, price" in done.stderr
    assert not (project.folder / "spiders" / "films.py").exists()


@pytest.mark.parametrize("option", ["--yes", "--plain"])
def test_the_next_page_decides_on_the_key_and_on_what_may_be_missing(
    project: ProjectCopy, site: str, chromium_renderer: str, option: str
) -> None:
    done = project.scrapy("new", "films", f"{site}/linked", "--yes", option, SPLASH_URL=chromium_renderer)
    assert done.returncode == 0, done.stderr
    text = (project.folder / "spiders" / "films.py").read_text("utf-8")
    assert re.search(r"film: Mapped\[str\] = mapped_column\(.*primary_key=True", text), text
    assert "line: Mapped[int]\n" in text
    assert "price: Mapped[Decimal | None]" in text
    assert "rel" in text


def test_a_next_link_that_leads_back_from_the_next_page_is_not_suggested(
    project: ProjectCopy, site: str
) -> None:
    done = project.scrapy("new", "films", f"{site}/named", "--yes", "--plain", COLUMNS="200")
    assert done.returncode == 0, done.stderr
    tried = project.scrapy("try", "films", "--pages", "9", COLUMNS="200")
    assert "films, 27 rows" in tried.stdout, tried.stdout + tried.stderr
    assert "the next link of" not in tried.stdout


def test_a_trial_says_that_the_records_leave_out_some_of_a_list(project: ProjectCopy, site: str) -> None:
    (project.folder / "spiders" / "watches.yaml").write_text(
        f"start: {site}/kinds\nkey: [title]\nrendering: never\nlist:\n  record: //li[@class='on']\n"
        "  fields: {title: .//a}\n"
    )
    tried = project.scrapy("try", "watches", COLUMNS="200")
    assert "watches, 2 rows" in tried.stdout, tried.stdout + tried.stderr
    assert (
        "1 elements beside the records are built like them, and //li[@class='on'] does not find"
        in tried.stdout
    )


def test_a_crawl_says_that_it_left_out_the_next_link_of_a_page(project: ProjectCopy, site: str) -> None:
    env = {"COLUMNS": "200", "DATABASE_URL": f"sqlite:///{project.folder}/films.db"}
    project.copy("migrations")
    (project.folder / "spiders" / "films.yaml").write_text(
        f"start: {site}/named\nkey: [title]\nrendering: never\nlist:\n  record: //li[@class='film']\n"
        "  fields: {title: .//a}\n  next: //a[@aria-label='next page']/@href\n"
    )
    note = f"the next link of {site}/named1 leads to {site}/named2, and the spider requested another page"
    tried = project.scrapy("try", "films", "--pages", "9", **env)
    assert "films, 18 rows" in tried.stdout and note in tried.stdout, tried.stdout + tried.stderr
    assert project.scrapy("migrate", "--new", **env).returncode == 0
    crawled = project.scrapy("crawl", "films", **env)
    assert crawled.returncode == 0, crawled.stderr
    assert f"films: {note}" in crawled.stderr
    assert note in project.scrapy("runs", "show", "1", **env).stdout


@pytest.mark.parametrize("option", ["--yes", "--yaml"])
def test_a_site_of_a_plain_page_is_not_rendered(project: ProjectCopy, site: str, option: str) -> None:
    env = {"SPLASH_URL": "http://127.0.0.1:9", "COLUMNS": "200"}  # no renderer
    done = project.scrapy("new", "films", f"{site}/linked", "--plain", option, **env)
    assert done.returncode == 0, done.stderr
    suffix, line = (
        (".yaml", "rendering: never\n") if option == "--yaml" else (".py", '    rendering = "never"\n')
    )
    assert line in (project.folder / "spiders" / f"films{suffix}").read_text("utf-8")
    tried = project.scrapy("try", "films", **env)
    assert "films, 20 rows" in tried.stdout, tried.stdout + tried.stderr


def test_a_list_whose_places_are_in_a_style_sheet_is_scrolled_too(
    project: ProjectCopy, site: str, chromium_renderer: str
) -> None:
    env = {"SPLASH_URL": chromium_renderer, "COLUMNS": "200"}
    done = project.scrapy("new", "things", f"{site}/window", "--yes", **env)
    assert done.returncode == 0, done.stderr
    assert "The list has 80 records, and 14 of them are on the page" in done.stdout
    assert "render_scrolled(START" in (project.folder / "spiders" / "things.py").read_text("utf-8")


def found(**more: Any) -> Suggestion:
    return Suggestion(
        record="//li", fields=(), key=(), detail=None, next_page=None, rows=9, source="markup", **more
    )


def test_few_records_with_little_in_them_may_be_a_placeholder() -> None:
    def parts(rows: int, *xpaths: str, key: tuple[str, ...] = ("a",)) -> Suggestion:
        fields = [
            Field(name=name, xpath=xpath, type="str", filled=1.0, samples=(), max_length=9)
            for name, xpath in zip("abc", xpaths, strict=False)
        ]
        return dataclasses.replace(found(), rows=rows, fields=tuple(fields), key=key)

    assert is_placeholder(parts(3, "normalize-space(.)"))
    assert is_placeholder(parts(3, ".//a/@href"))
    assert is_placeholder(parts(3, "normalize-space(.//b)", "normalize-space(.//i)"))
    assert is_placeholder(parts(3, "normalize-space(.//a)", ".//a/@href", key=()))
    assert not is_placeholder(parts(3, "normalize-space(.//a)", ".//a/@href"))
    assert not is_placeholder(parts(9, "normalize-space(.)"))


def test_notes_say_what_the_file_cannot() -> None:
    button = "<button>Next</button>"
    assert "render_scrolled" in "".join(notes(found(grid_rows=60), ""))
    assert "use render_scrolled(items=RECORD)" in "".join(notes(found(is_placed=True), ""))
    assert "--wait-for" in "".join(notes(found(in_menu=True), ""))
    assert "'Next' is a button" in "".join(notes(found(), button))
    for off in ("disabled", "aria-disabled=true", "hidden", "class='ag-hidden'"):
        assert list(notes(found(), f"<div><button {off}>Next</button></div>")) == []
    assert list(notes(found(), f"<div class=ag-hidden>{button}</div>")) == []


def test_a_suggestion_is_shown_with_its_xpaths_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    sale = Field(
        name="sale", xpath=".//b[1]", type="str", filled=0.2, samples=("[bold]20 %[/bold]",), max_length=20
    )
    show(dataclasses.replace(found(left_out=(LeftOut(field=sale, why=RARE),)), record="//li[@class='film']"))
    shown = capsys.readouterr().out
    assert "9 records: //li[@class='film']" in shown
    assert 'left out: sale (filled 20 %, "[bold]20 %[/bold]"): .//b[1]' in shown


def spider(is_ready: bool, *, additions: tuple[str, ...] = (ENDPOINT,), **settings: Any) -> Any:
    """Return a spider of one page whose ``render`` returns its arguments."""
    made: Any = page_spider(
        "http://a.example/",
        rendered=True,
        wait_for=settings.pop("wait_for", None),
        is_ready=lambda _: is_ready,
        items_of=lambda _: settings.pop("items", None),
        scrolled=lambda _: None,
        following=lambda _: None,
        followed=lambda _: None,
    )()
    made.settings = Settings(settings)
    made.render = lambda url, callback, **more: {"callback": callback.__name__, **more}

    class Server:
        pass

    server: Any = Server()
    server.additions = additions
    servers: Any = Server()
    servers.all = [server]
    made.crawler = None
    made.servers = servers
    return made


def first_request(made: Any) -> Any:
    async def first() -> Any:
        return await anext(made.start())

    return asyncio.run(first())


def test_the_first_look_waits_for_a_quiet_network_or_for_the_element() -> None:
    quiet = first_request(spider(True))
    assert quiet["callback"] == "parse_first" and quiet["quiet"] > 0
    assert first_request(spider(True, wait_for=".film")) == {"callback": "parse", "wait_for": ".film"}
    assert first_request(spider(True, SPLASH_SCRIPTS=False)) == {"callback": "parse"}


def test_there_is_a_second_look_only_if_the_first_found_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    page = HtmlResponse("http://a.example/", body=b"")
    assert list(spider(True).parse_first(page)) == []
    for additions, has_shadow_roots in (((ENDPOINT,), True), ((), False)):
        made = spider(False, additions=additions)
        monkeypatch.setattr(spiders.Servers, "of", lambda _, made=made: made.servers)
        (second,) = made.parse_first(page)
        assert (second["callback"], second["quiet"]) == ("parse", LONG_QUIET)
        assert second["shadow_roots"] is has_shadow_roots  # Splash has none, and fails such a request


def test_a_page_whose_network_is_never_quiet_is_read_after_its_load_event() -> None:
    busy = Failure(NeverAppeared("http://a.example/", None, 10.0))
    assert list(spider(False).look_again(busy)) == [{"callback": "parse", "dont_filter": True}]
    assert list(spider(False).look_again(Failure(OSError("refused")))) == []


CONTENTS = {
    "an iframe": ("<iframe src='/list'></iframe>", "1 iframe (http://a.example/list)", "the URL of the iframe"),
    "a shadow root": (
        "<my-list><template shadowrootmode='open'><li>a</li></template></my-list>", "1 shadow root",
        "shadow_roots=True",
    ),
    "an element of its own": ("<my-list></my-list>", "1 empty own element (my-list)", "shadow_roots=True"),
    "JSON": (
        f"<script id='__DATA__'>{list(range(900))}</script>", "1 script with JSON (__DATA__, 4 kB)",
        "its JSON may have the records",
    ),
    "nothing": ("<p>Hello</p>", "and 5 characters of text", "--wait-for CSS"),
}  # fmt: skip


def report(tmp_path: Path, first: str, later: str | None = None, **options: Any) -> None:
    """Let the command report what a page without records has."""
    command: Any = Command()
    command.settings = Settings({"TYPE_GUESS": "pipelines.values.type_guess.type_of"})
    command.opts = argparse.Namespace(**{"plain": False, "wait_for": None, "yes": True, **options})
    looks = [
        TextResponse("http://a.example/", body=html, encoding="utf-8")
        for html in (first, later)
        if html is not None
    ]
    pages = [TrialPage(url=one.url, status=200, file=tmp_path / "1.html") for one in looks]
    command.pages = TrialPages(folder=tmp_path, most=2, pages=pages)
    assert command._suggest("films", looks[0], looks[-1], tmp_path / "films.py") == 2
    assert not (tmp_path / "films.py").exists()


@pytest.mark.parametrize("case", CONTENTS)
def test_a_page_without_records_is_described(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    html, contents, advice = CONTENTS[case]
    report(tmp_path, html)
    said = capsys.readouterr().err
    assert f"no repeated record is on http://a.example/; its HTML is {tmp_path}" in said
    assert contents in said and advice in said


def test_the_report_says_what_the_wait_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(tmp_path, "<p>loading</p>", "<p>loading</p>")
    assert "the same text as 4 s before" in capsys.readouterr().err
    report(tmp_path, "<p>loading</p>", "<p>sorry</p>")
    assert "another text than 4 s before" in capsys.readouterr().err
    report(tmp_path, "<p>plain</p>", plain=True)
    said = capsys.readouterr().err
    assert "try without --plain" in said and "--wait-for" not in said


@pytest.mark.parametrize(
    ("line", "message"),
    {
        "--wait-for .film[": "--wait-for='.film[' is no CSS selector",
        "--wait-for //a[": "--wait-for='//a[' is no XPath",
        "--plain --wait-for .film": "cannot wait for an element",
    }.items(),
)
def test_an_element_that_cannot_be_waited_for_is_refused(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = Command()
    command.settings = Settings()
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    with pytest.raises(SystemExit) as ended:
        command.process_options([], parser.parse_args(line.split()))
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["-a x=1", "-o x.json", "-O x.json", "--fresh", "--pages 3", "--failed-only", "--shared"]
)
def test_an_option_of_a_crawl_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = Command()
    command.settings = Settings()
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    name = option.split(maxsplit=1)[0]
    assert not re.search(rf"(?m)^\s+{name}\b", parser.format_help())
    options, rest = parser.parse_known_args(["films", "http://a.example/", *option.split()])
    with pytest.raises(SystemExit) as ended:
        command.process_options(rest, options)
    assert ended.value.code == 1
    assert f"scrapy new: there is no option {name}" in capsys.readouterr().err
