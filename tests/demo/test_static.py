"""The scripts of the pages: what each of the two kinds of browser is given."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from demo.server import STATIC
from tests.demo.visits import visit
from tests.processes import server


def code(name: str) -> str:
    return re.sub(r"//.*", "", (STATIC / name).read_text("utf-8"))


def test_static_files_are_served_with_their_types(demo_site: str) -> None:
    for name, kind in {
        "app.js": "text/javascript",
        "legacy.js": "text/javascript",
        "style.css": "text/css",
    }.items():
        answer = visit(f"{demo_site}/static/{name}")
        assert answer.status == 200 and answer.headers.get_content_type() == kind
        assert answer.body == (STATIC / name).read_bytes()
    assert visit(f"{demo_site}/static/../server.py").status == 404


def test_current_browsers_get_modules_that_import_each_other() -> None:
    assert re.search(r'^import .* from "\./views\.js";', code("app.js"), re.MULTILINE)
    assert "await fetch(" in code("app.js")


@pytest.mark.parametrize(
    "modern",
    ["=>", r"\b(let|const|class|async|await|import|export) ", "`", r"fetch\(", "Promise", r"\.\.\.", r"\?\."],
)
def test_the_webkit_of_2016_gets_nothing_it_does_not_know(modern: str) -> None:
    assert not re.search(modern, code("legacy.js"))


@pytest.mark.parametrize("name", ["app.js", "views.js", "legacy.js"])
def test_scripts_never_make_markup_of_data(name: str) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", code(name))


def test_both_kinds_of_browser_know_every_view_and_every_class() -> None:
    classes = {name: set(re.findall(r"""["']?class["']?: ["'`]([\w -]+)""", code(name))) for name in
               ("app.js", "views.js", "legacy.js")}  # fmt: skip
    assert classes["app.js"] | classes["views.js"] == classes["legacy.js"]


@pytest.mark.parametrize(
    "path",
    ["/books", "/books?page=50", "/books/B00003", "/books/B00017", "/catalogue", "/csp", "/broken/price"],
)
def test_both_kinds_of_browser_put_the_same_on_a_page(
    demo_site: str, real_splash: str, chromium_renderer: str, path: str
) -> None:
    shown = []
    for renderer in (real_splash, chromium_renderer):
        query = urlencode({"url": demo_site + path, "wait": 0.5})
        found = re.search(r"<main[^>]*>(.+)</main>", visit(f"{renderer}/render.html?{query}").text, re.DOTALL)
        assert found, f"{renderer} shows an empty shell"
        shown.append(found[1])
    assert shown[0] == shown[1]


@pytest.mark.parametrize("path", ["/books", "/books/B00003", "/catalogue"])
def test_the_new_layout_has_the_price_where_no_reader_sees_it(chromium_renderer: str, path: str) -> None:
    with server("demo", "--port", "0", "--books", "5", "--layout", "new", "--exit-with-stdin") as site:
        html = visit(f"{chromium_renderer}/render.html?{urlencode({'url': site + path, 'wait': 0.5})}").text
        amounts = [book["price"] for book in visit(f"{site}/api/books").json["books"]]
    shown = amounts if path != "/books/B00003" else amounts[2:3]
    assert "£" not in html and 'class="price"' not in html
    assert re.findall(r'<data class="offer" value="([\d.]+)">Show price</data>', html) == shown
