"""Mistakes in scripts are the script's errors, with the words and the line that Splash gives."""

from __future__ import annotations

import pytest

WRONG_VALUES = [
    "splash:send_text(5)",
    "splash:send_keys({})",
    "splash:select('form'):send_text(5)",
    "splash:select('form'):send_keys(function() end)",
    "splash:jsfunc('function(x) {}')(function() end)",
    "splash:select('form'):mouse_hover({}, 1)",
]


@pytest.mark.parametrize("call", WRONG_VALUES)
def test_a_wrong_value_is_a_script_error_on_its_line(both, pages, call):
    info = both.script_error(f"splash:go(args.url)\n{call}", url=f"{pages.url}/form")
    assert (info["type"], info["line_number"]) == ("SPLASH_LUA_ERROR", 3)


def test_a_script_can_catch_what_it_did_wrong(both, pages):
    script = "splash:go(args.url) return (pcall(splash.send_text, splash, 5))"
    assert both.main(script, url=f"{pages.url}/form") == "False"


def test_a_caught_error_keeps_its_type_when_it_is_thrown_again(both):
    script = """
    local ok, problem = pcall(function() splash:wait(-1) end)
    error(problem)
    """
    info = both.script_error(script)
    assert (info["type"], info["line_number"]) == ("SPLASH_LUA_ERROR", 4)
    assert "negative" in info["error"]
    assert info["message"].count("[string") == 1


@pytest.mark.parametrize("source", ["error('at the top')", "function main(splash) return x( end"])
def test_a_script_that_does_not_start_has_its_position_in_plain_words(both, source):
    info = both.post("/execute", lua_source=source).json["info"]
    assert (info["type"], info["line_number"]) == ("LUA_INIT_ERROR", 1)
    assert info["message"].startswith("[string")


def test_bounds_are_those_that_splash_names(both, pages):
    script = "splash:go(args.url) return splash:select('form'):bounds()"
    names = {"left", "top", "right", "bottom", "width", "height"}
    assert set(both.main(script, url=f"{pages.url}/form")) == names
