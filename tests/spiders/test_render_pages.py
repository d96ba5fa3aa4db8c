"""The reports of `render_pages` if it does not reach the end of a list: max_pages, no button, a failed click."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crawler.splash.step_problems import click_problem
from tests.crawls import scrapy
from tests.spiders.render_script import run_script

PAGES = 3
# Three pages behind a button that the last one lacks. The text of #total is the same on all, that of #mark empty.
LIST = """<!DOCTYPE html><html><body><p id=total>3 pages</p><p id=mark></p><ul></ul><button class=next>next</button>
<script>
var number = 0;
function show() {
  number += 1;
  document.querySelector('ul').innerHTML = '<li>' + number + '</li>';
  if (number === 3) { document.querySelector('button').remove(); }
}
document.querySelector('button').onclick = show;
show();
</script></body></html>"""

# On the last page the button stays, and is off in the way that the address names.
OFF = LIST.replace(
    "document.querySelector('button').remove();",
    """document.querySelector('button').onclick = null;
    var way = location.pathname.slice(1), item = document.createElement('span');
    var button = document.querySelector('button');
    button.parentNode.replaceChild(item, button); item.appendChild(button);
    if (way === 'class') { button.className = 'next ant-disabled'; }
    if (way === 'item') { item.className = 'page-item disabled'; }
    if (way === 'aria') { item.setAttribute('aria-disabled', 'true'); }
  } else {
    document.querySelector('button').className = 'next not-disabled disabled:opacity-50';""",
)
WAYS = ("/class", "/item", "/aria")

SPIDER = """
from spiders.base import SiteSpider

class LimitSpider(SiteSpider):
    name = "limit"
    custom_settings = {"ITEM_PIPELINES": {}, "MAX_CUT_SHARE": 1}
    site = ""

    async def start(self):
        for path, button, most in (
            ("/all", ".next", 3), ("/some", ".next", 2), ("/wrong", ".nxt", 100), ("/wrong-too", ".nxt", 100),
            ("/class", ".next", 100), ("/item", ".next", 100), ("/aria", ".next", 100),
        ):
            yield self.render_pages(
                self.site + path, self.parse, next_button=button, wait_for="li", max_pages=most
            )

    def parse(self, response):
        yield {"path": response.url.removeprefix(self.site), "row": response.css("li::text").get(),
               "cut": "cut" in response.flags}
"""


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        found = self.path != "/robots.txt"
        page = ((OFF if self.path in WAYS else LIST) if found else "").encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def list_site() -> Iterator[tuple[str, list[str]]]:
    """Yield the site's URL, and the list of the paths that it is asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Handler,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_max_pages_cuts_a_list_and_a_missing_button_is_reported(
    tmp_path: Path, renderer: str, list_site: tuple[str, list[str]]
) -> None:
    site, asked = list_site
    (tmp_path / "limit.py").write_text(SPIDER)
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "SPLASH_URL": renderer}
    done = scrapy(
        "runspider", str(tmp_path / "limit.py"), "-O", f"{tmp_path}/out.jsonl", "-a", f"site={site}", **env
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[str]] = {}
    for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        found.setdefault(item["path"], []).append(item["row"])
        assert item["cut"] == (item["path"] == "/some")
    assert found == {path: ["1", "2", "3"] for path in ("/all", *WAYS)} | {
        "/some": ["1", "2"],
        "/wrong": ["1"],
        "/wrong-too": ["1"],
    }
    assert asked.count("/some") == 1  # a retry would end at the same limit
    cut = (
        "1 page was cut: stopped after 2 pages (max_pages) while next_button was still there, so that rows may be "
        f"missing: {site}/some"
    )
    assert cut in done.stderr
    assert "no row is marked as gone: 1 of its pages were cut" in done.stderr
    button = "next_button '.nxt' was on no page of 2 lists: if they have more pages, correct it: "
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line and button in line]
    assert len(warnings) == 1, done.stderr[-3000:]
    shown = json.loads(scrapy("runs", "show", "1", "--json", **env).stdout)
    assert button in shown["note"] and f"{site}/wrong-too" in shown["note"]
    assert cut in shown["reasons"]


@pytest.mark.parametrize(
    ("changes", "problem"), [("#total", "same"), ("#mark", "empty"), ("#nothing", "none"), (None, "gone")]
)
def test_a_click_without_a_next_page_reports_its_problem(
    renderer: str, list_site: tuple[str, list[str]], changes: str | None, problem: str
) -> None:
    arguments = {
        "url": list_site[0],
        "next_button": ".next",
        "wait_for": "li" if changes else "//li[.=1]",
        "wait_timeout": 0.3,
        "max_pages": 9,
    }
    if changes:
        arguments["next_changes"] = changes
    status, answer = run_script(renderer, "click_next", **arguments)
    assert status == 200 and answer["appeared"] is False, answer
    assert answer["click"] == {"page": 1, "problem": problem}


def test_the_message_of_a_failed_click_names_the_problem() -> None:
    arguments = {"next_button": ".next", "wait_for": "//li"}
    assert click_problem({"page": 2, "problem": "empty"}, arguments, 10.0) == (
        "after the click on next_button '.next' of page 2 the text of '//li' did not change within 10 s (it is empty): "
        "name an element whose text changes with changes="
    )
    arguments["next_changes"] = "#mark"
    assert "the text of '#mark' did not change" in click_problem({"page": 1, "problem": "same"}, arguments, 1)
    assert "'#mark' matched nothing" in click_problem({"page": 1, "problem": "none"}, arguments, 1)
    assert "'//li' did not appear within 1 s" in click_problem({"page": 1, "problem": "gone"}, arguments, 1)
