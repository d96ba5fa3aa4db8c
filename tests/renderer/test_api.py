"""Splash's HTTP API: arguments, their errors, saved arguments and the state of the server."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.renderer.conftest import Client, Pages


def test_an_error_names_the_bad_argument(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/plain", wait="soon")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "error": 400,
        "type": "BadOption",
        "description": "Incorrect HTTP API arguments",
        "info": {
            "type": "bad_argument",
            "argument": "wait",
            "description": "Argument 'wait' has a wrong type",
            "required_type": "float",
        },
    }


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"timeout": 91}, "timeout"),
        ({"wait": 31}, "wait"),
        ({"images": 2}, "images"),
        ({"viewport": "big"}, "viewport"),
        ({"viewport": "99999x9"}, "viewport"),
        ({"viewport": "full"}, "viewport"),
        ({"render_all": 1}, "render_all"),
        ({"http_method": "PUT"}, "http_method"),
        ({"body": "x"}, "body"),
        ({"headers": "X: 1"}, "headers"),
        ({"headers": {"X": 1}}, "headers"),
        ({"width": 5000}, "width"),
        ({"scale_method": "magic"}, "scale_method"),
        ({"engine": "foo"}, "engine"),
        ({"proxy": "ftp://127.0.0.1:1"}, "proxy"),
        ({"proxy": "nobody"}, "proxy"),
        ({"filters": "easylist"}, "filters"),
        ({"save_args": {"a": 1}}, "save_args"),
        ({"load_args": "x"}, "load_args"),
    ],
)
def test_a_value_out_of_range_is_refused(
    splash: Client, pages: Pages, arguments: dict[str, Any], argument: str
) -> None:
    answer = splash.post("/render.png", url=f"{pages.url}/plain", **arguments)
    assert (answer.status, answer.json["type"]) == (400, "BadOption")
    assert answer.json["info"]["argument"] == argument


def test_an_error_names_a_missing_url(splash: Client) -> None:
    info = splash.get("/render.html").json["info"]
    assert (info["type"], info["argument"]) == ("argument_required", "url")


def test_a_body_that_is_not_json_is_refused(splash: Client) -> None:
    assert splash.post("/render.html", data=b"{").json["info"]["type"] == "invalid_json"


def test_a_body_of_another_type_is_415(splash: Client) -> None:
    answer = splash.post("/render.html", "application/x-www-form-urlencoded", b"url=x")
    assert (answer.status, answer.json["type"]) == (415, "UnsupportedContentType")


def test_a_body_that_is_too_large_is_refused(splash: Client) -> None:
    answer = splash.post("/render.html", data=b" " * (25 * 1024 * 1024 + 1))
    assert (answer.status, answer.json["info"]["type"]) == (400, "request_too_large")


def test_unknown_arguments_are_ignored(splash: Client, pages: Pages) -> None:
    assert splash.get("/render.html", url=f"{pages.url}/plain", whatever="1").status == 200


def test_unknown_paths_are_404(splash: Client) -> None:
    assert splash.get("/render.pdf").status == 404


def test_a_client_saves_and_loads_arguments(splash: Client, pages: Pages) -> None:
    url = f"{pages.url}/plain"
    saved = splash.post("/render.html", url=url, save_args=["url"]).headers["x-splash-saved-arguments"]
    key = hashlib.sha1(json.dumps(url).encode()).hexdigest()
    assert saved == f"url={key}"
    assert "plain" in splash.post("/render.html", load_args=saved).text
    assert "plain" in splash.post("/render.html", load_args={"url": key}).text


def test_forgotten_arguments_are_498(splash: Client) -> None:
    answer = splash.post("/render.html", load_args={"url": "0" * 40})
    assert (answer.status, answer.json["type"]) == (498, "ExpiredArguments")
    assert answer.json["info"] == {"expired": ["url"]}


def test_the_server_reports_its_state(splash: Client, pages: Pages) -> None:
    assert splash.get("/_ping").json["status"] == "ok"
    assert {"active", "argcache", "fds", "leaks", "maxrss", "qsize"} <= set(splash.get("/_debug").json)
    splash.post("/render.html", url=f"{pages.url}/plain", save_args=["url"])
    state = splash.get("/_debug").json
    assert state["slots"] >= 1
    assert state["rendered"] >= 1
    assert state["product"].partition("/")[2]
    collected = splash.post("/_gc", data=b"").json
    assert collected["status"] == "ok"
    assert collected["cached_args_removed"] >= 1
    assert splash.get("/_gc").status == 405


def test_a_script_that_computes_does_not_block_other_requests(splash: Client) -> None:
    with ThreadPoolExecutor(1) as elsewhere:
        computing = elsewhere.submit(
            splash.post, "/execute", lua_source="function main() while true do end end"
        )
        answered = 0
        while not computing.done():
            splash.get("/_ping")
            answered += not computing.done()
    assert computing.result().status == 400, "it has come to its limit of instructions"
    assert answered >= 5, "if it held the server up, one or two would be answered before or after it"
