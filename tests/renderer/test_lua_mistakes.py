"""Mistakes in scripts are errors of the script, with Splash's words and line."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client, Pages

WRONG_VALUES = [
    "splash:send_text(5)",
    "splash:send_keys({})",
    "splash:select('form'):send_text(5)",
    "splash:select('form'):send_keys(function() end)",
    "splash:jsfunc('function(x) {}')(function() end)",
    "splash:select('form'):mouse_hover({}, 1)",
]


@pytest.mark.parametrize("call", WRONG_VALUES)
def test_a_wrong_value_is_a_script_error_on_its_line(both: Client, pages: Pages, call: str) -> None:
    info = both.script_error(f"splash:go(args.url)\n{call}", url=f"{pages.url}/form")
    assert (info["type"], info["line_number"]) == ("SPLASH_LUA_ERROR", 3)


def test_a_script_catches_the_error_of_a_wrong_argument(both: Client, pages: Pages) -> None:
    script = "splash:go(args.url) return (pcall(splash.send_text, splash, 5))"
    assert both.main(script, url=f"{pages.url}/form") == "False"


def test_a_caught_error_keeps_its_type_when_it_is_thrown_again(both: Client) -> None:
    script = """
    local ok, problem = pcall(function() splash:wait(-1) end)
    error(problem)
    """
    info = both.script_error(script)
    assert (info["type"], info["line_number"]) == ("SPLASH_LUA_ERROR", 4)
    assert "negative" in info["error"]
    assert info["message"].count("[string") == 1


@pytest.mark.parametrize("source", ["error('at the top')", "function main(splash) return x( end"])
def test_an_error_before_main_has_its_position(both: Client, source: str) -> None:
    info = both.post("/execute", lua_source=source).json["info"]
    assert (info["type"], info["line_number"]) == ("LUA_INIT_ERROR", 1)
    assert info["message"].startswith("[string")


def test_bounds_has_the_names_of_splash(both: Client, pages: Pages) -> None:
    script = "splash:go(args.url) return splash:select('form'):bounds()"
    names = {"left", "top", "right", "bottom", "width", "height"}
    assert set(both.main(script, url=f"{pages.url}/form")) == names


def test_an_error_has_its_line_method_and_argument(splash: Client) -> None:
    info = splash.script_error("local a = 1\nlocal b = nil\nreturn b.c")
    assert (info["type"], info["line_number"]) == ("LUA_ERROR", 4)
    assert info["error"] == "attempt to index local 'b' (a nil value)"
    info = splash.script_error("\n\nsplash:wait{time = -1}")
    assert (info["type"], info["line_number"], info["splash_method"]) == ("SPLASH_LUA_ERROR", 4, "wait")
    assert info["argument"] == "time"


def test_pcall_catches_the_error_of_a_command(splash: Client) -> None:
    assert splash.main("local ok = pcall(splash.wait, splash, -1) return ok") == "False"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("function main(", "LUA_INIT_ERROR"),
        ("x = nil + 1", "LUA_INIT_ERROR"),
        ("x = 1", "MAIN_NOT_FOUND_ERROR"),
        ("main = 1", "BAD_MAIN_ERROR"),
        ("function main(splash) return function() end end", "BAD_MAIN_ERROR"),
    ],
)
def test_an_invalid_script_is_refused_with_its_kind_of_error(splash: Client, source: str, kind: str) -> None:
    answer = splash.post("/execute", lua_source=source)
    assert (answer.status, answer.json["info"]["type"]) == (400, kind)


def test_missing_and_sparse_arguments_are_errors(splash: Client) -> None:
    assert "a number is required" in splash.script_error("splash:set_viewport_size{nil, 1}")["message"]
    assert "at most 2" in splash.script_error("splash:set_viewport_size{[1000000000] = 1}")["message"]
