"""What Splash could not do: waiting for an element, lists that scroll, shadow roots, and errors of the page."""

from __future__ import annotations

import json
import re

import pytest


@pytest.mark.parametrize("kind", ["html", "png", "jpeg", "har", "json"])
def test_every_endpoint_waits_for_an_element_and_says_whether_it_came(splash, pages, kind):
    path, url = f"/render.{kind}", f"{pages.url}/late"
    assert splash.get(path, url=url, wait_for="p.ready").headers["x-splashdown-wait-for"] == "found"
    answer = splash.get(path, url=url, wait_for="p.never", wait_for_timeout=0.2)
    assert (answer.status, answer.headers["x-splashdown-wait-for"]) == (200, "missing")


def test_errors_of_the_page_s_own_scripts_are_told_on_request(splash, pages):
    answer = splash.get("/render.json", url=f"{pages.url}/throws", script_errors=1)
    first, second = answer.json["script_errors"]
    assert first["message"].startswith("TypeError: Cannot read properties of null")
    assert (first["source"], first["line"]) == (f"{pages.url}/throws", 3)
    assert second["message"] == "plain text"
    header = splash.get("/render.html", url=f"{pages.url}/throws", script_errors=1).headers
    assert [error["line"] for error in json.loads(header["x-splashdown-script-errors"])] == [3, 3]
    assert "script_errors" not in splash.get("/render.json", url=f"{pages.url}/throws").json


def test_a_page_without_errors_says_so(splash, pages):
    assert splash.get("/render.json", url=f"{pages.url}/plain", script_errors=1).json["script_errors"] == []


def test_open_shadow_roots_are_shown_on_request(splash, pages):
    html = splash.html(f"{pages.url}/shadow", shadow_roots=1)
    assert '<div id="host"><template shadowrootmode="open"><b>dark</b>' in html
    assert '<span><template shadowrootmode="open"><u>deep</u></template></span>' in html
    assert html.startswith("<html>") and html.endswith("</html>")
    assert "template" not in splash.html(f"{pages.url}/shadow").partition("<script>")[0]


def test_an_endless_list_grows_until_nothing_more_comes(splash, pages):
    answer = splash.post("/render.json", url=f"{pages.url}/endless", html=1, scroll=50, scroll_wait=0.6)
    assert len(re.findall("<li", answer.json["html"])) == 70
    assert answer.json["scroll"]["reached_end"] is True
    assert len(re.findall("<li", splash.html(f"{pages.url}/endless"))) == 20


def test_scrolling_ends_after_so_many_screens(splash, pages):
    answer = splash.post("/render.html", url=f"{pages.url}/endless", scroll=1)
    assert answer.headers["x-splashdown-scroll"] == "more; steps=1; items=0"


def test_a_windowed_list_comes_whole_and_in_order(splash, pages):
    answer = splash.post(
        "/render.html", url=f"{pages.url}/windowed", scroll=100, scroll_item="p.row", scroll_wait=0.3
    )
    assert answer.headers["x-splashdown-scroll"].endswith("items=100")
    assert re.findall(r"row (\d+)<", answer.text) == [str(number) for number in range(100)]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [({"scroll": -1}, "scroll"), ({"scroll": 1, "scroll_item": "p["}, "scroll_item")],
)
def test_bad_ways_to_scroll_are_refused(splash, pages, arguments, argument):
    answer = splash.post("/render.html", url=f"{pages.url}/plain", **arguments)
    assert (answer.status, answer.json["info"]["argument"]) == (400, argument)
