"""Arguments that Splash does not have: scroll, shadow_roots and script_errors."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.renderer.conftest import Client, Pages


def test_script_errors_reports_errors_of_the_page_s_own_scripts(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.json", url=f"{pages.url}/throws", script_errors=1)
    first, second = answer.json["script_errors"]
    assert first["message"].startswith("TypeError: Cannot read properties of null")
    assert (first["source"], first["line"]) == (f"{pages.url}/throws", 3)
    assert second["message"] == "plain text"
    header = splash.get("/render.html", url=f"{pages.url}/throws", script_errors=1).headers
    assert [error["line"] for error in json.loads(header["x-splashdown-script-errors"])] == [3, 3]
    assert "script_errors" not in splash.get("/render.json", url=f"{pages.url}/throws").json


def test_script_errors_is_empty_for_a_page_without_errors(splash: Client, pages: Pages) -> None:
    assert splash.get("/render.json", url=f"{pages.url}/plain", script_errors=1).json["script_errors"] == []


def test_shadow_roots_puts_open_shadow_roots_into_the_html(splash: Client, pages: Pages) -> None:
    html = splash.html(f"{pages.url}/shadow", shadow_roots=1)
    assert '<div id="host"><template shadowrootmode="open"><b>dark</b>' in html
    assert '<span><template shadowrootmode="open"><u>deep</u></template></span>' in html
    assert html.startswith("<html>") and html.endswith("</html>")
    assert "template" not in splash.html(f"{pages.url}/shadow").partition("<script>")[0]


def test_scroll_ends_when_a_list_stops_growing(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.json", url=f"{pages.url}/endless", html=1, scroll=50, scroll_wait=0.6)
    assert len(re.findall("<li", answer.json["html"])) == 70
    assert answer.json["scroll"]["reached_end"] is True
    assert len(re.findall("<li", splash.html(f"{pages.url}/endless"))) == 20


def test_scroll_ends_after_a_number_of_screens(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}/endless", scroll=1)
    assert answer.headers["x-splashdown-scroll"] == "more; steps=1; items=0"


def test_scroll_item_collects_all_items_of_a_windowed_list_in_order(splash: Client, pages: Pages) -> None:
    answer = splash.post(
        "/render.html", url=f"{pages.url}/windowed", scroll=100, scroll_item="p.row", scroll_wait=0.3
    )
    header = answer.headers["x-splashdown-scroll"]
    assert header.startswith("end;") and header.endswith(
        "items=100"
    )  # the page grows for ever, its list does not
    assert re.findall(r"row (\d+)<", answer.text) == [str(number) for number in range(100)]


def test_scroll_item_may_be_an_xpath(splash: Client, pages: Pages) -> None:
    answer = splash.post(
        "/render.html",
        url=f"{pages.url}/windowed",
        scroll=100,
        scroll_item="//p[@class='row']",
        scroll_wait=0.3,
    )
    assert answer.headers["x-splashdown-scroll"].endswith("items=100")


def test_scroll_ends_at_the_element_of_scroll_end(splash: Client, pages: Pages) -> None:
    arguments = {"url": f"{pages.url}/endless", "html": 1, "scroll": 50, "scroll_wait": 5}
    answer = splash.post("/render.json", scroll_item="li", scroll_end="//li[.='item 45']", **arguments)
    assert answer.json["scroll"] == {
        "steps": answer.json["scroll"]["steps"],
        "items": 60,
        "reached_end": True,
    }


def test_a_list_without_the_element_of_scroll_end_has_not_ended(splash: Client, pages: Pages) -> None:
    arguments = {"url": f"{pages.url}/endless", "scroll": 50, "scroll_wait": 0.6, "scroll_item": "li"}
    answer = splash.post("/render.json", scroll_end=".never", **arguments)
    assert (answer.json["scroll"]["items"], answer.json["scroll"]["reached_end"]) == (70, False)


def test_scroll_ends_after_scroll_timeout(splash: Client, pages: Pages) -> None:
    arguments = {"url": f"{pages.url}/endless", "scroll": 50, "scroll_wait": 60, "scroll_item": "li"}
    answer = splash.post("/render.json", scroll_timeout=2, **arguments)
    assert answer.json["scroll"]["reached_end"] is False


def test_items_whose_pictures_load_while_the_list_scrolls_are_there_once(
    splash: Client, pages: Pages
) -> None:
    answer = splash.post(
        "/render.html", url=f"{pages.url}/lazy-pictures", scroll=100, scroll_item="p.row", scroll_wait=0.3
    )
    assert re.findall(r"row (\d+)<", answer.text) == [str(number) for number in range(60)]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"scroll": -1}, "scroll"),
        ({"scroll": 1, "scroll_item": "p["}, "scroll_item"),
        ({"scroll": 1, "scroll_end": "//p["}, "scroll_end"),
        ({"scroll": 1, "scroll_timeout": -1}, "scroll_timeout"),
    ],
)
def test_bad_arguments_of_scroll_are_refused(
    splash: Client, pages: Pages, arguments: dict[str, Any], argument: str
) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}/plain", **arguments)
    assert (answer.status, answer.json["info"]["argument"]) == (400, argument)
