"""The scripts of the pages, for current browsers and for Splash's WebKit."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from demo.server import STATIC
from tests.demo.visits import visit
from tests.processes import server


def code_without_comments(name: str) -> str:
    return re.sub(r"//.*", "", (STATIC / name).read_text("utf-8"))


def test_the_server_sends_static_files_with_their_types(demo_site: str) -> None:
    for name, kind in {
        "app.js": "text/javascript",
        "legacy.js": "text/javascript",
        "style.css": "text/css",
    }.items():
        answer = visit(f"{demo_site}/static/{name}")
        assert answer.status == 200 and answer.headers.get_content_type() == kind
        assert answer.body == (STATIC / name).read_bytes()
    assert visit(f"{demo_site}/static/../server.py").status == 404


def test_app_js_is_a_module_that_imports_views_js() -> None:
    assert re.search(r'^import .* from "\./views\.js";', code_without_comments("app.js"), re.MULTILINE)
    assert "await fetch(" in code_without_comments("app.js")


@pytest.mark.parametrize(
    "modern",
    ["=>", r"\b(let|const|class|async|await|import|export) ", "`", r"fetch\(", "Promise", r"\.\.\.", r"\?\."],
)
def test_legacy_js_has_only_syntax_of_a_webkit_of_2016(modern: str) -> None:
    assert not re.search(modern, code_without_comments("legacy.js"))


@pytest.mark.parametrize("name", ["app.js", "views.js", "legacy.js"])
def test_scripts_never_write_data_as_markup(name: str) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", code_without_comments(name)
    )


def test_both_scripts_know_the_same_classes() -> None:
    classes = {name: set(re.findall(r"""["']?class["']?: ["'`]([\w -]+)""", code_without_comments(name))) for name in
               ("app.js", "views.js", "legacy.js")}  # fmt: skip
    assert classes["app.js"] | classes["views.js"] == classes["legacy.js"]


@pytest.mark.parametrize(
    "path",
    ["/books", "/books?page=50", "/books/B00003", "/books/B00017", "/catalogue", "/csp", "/broken/price"],
)
def test_both_scripts_put_the_same_elements_on_a_page(
    demo_site: str, real_splash: str, chromium_renderer: str, path: str
) -> None:
    shown = []
    for renderer in (real_splash, chromium_renderer):
        query = urlencode({"url": demo_site + path, "wait": 0.5})
        found = re.search(r"<main[^>]*>(.+)</main>", visit(f"{renderer}/render.html?{query}").text, re.DOTALL)
        assert found, f"the shell from {renderer} is empty"
        shown.append(found[1])
    assert shown[0] == shown[1]


@pytest.mark.parametrize("path", ["/books", "/books/B00003", "/catalogue"])
def test_the_new_layout_has_the_price_only_in_an_attribute(chromium_renderer: str, path: str) -> None:
    with server("demo", "--port", "0", "--books", "5", "--layout", "new", "--exit-with-stdin") as site:
        html = visit(f"{chromium_renderer}/render.html?{urlencode({'url': site + path, 'wait': 0.5})}").text
        amounts = [book["price"] for book in visit(f"{site}/api/books").json["books"]]
    shown = amounts if path != "/books/B00003" else amounts[2:3]
    assert "£" not in html and 'class="price"' not in html
    assert re.findall(r'<data class="offer" value="([\d.]+)">Show price</data>', html) == shown
