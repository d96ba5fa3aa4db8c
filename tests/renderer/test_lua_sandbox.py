"""The sandbox of scripts: limits of CPU and memory, and nothing dangerous in reach."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client


@pytest.mark.parametrize(
    "loop", ["while true do end", "while true do pcall(function() while true do end end) end"]
)
def test_an_endless_loop_ends_with_an_error(splash: Client, loop: str) -> None:
    assert "script uses too much CPU" in splash.script_error(loop)["message"]
    assert splash.main("return 'fine'") == "fine"


def test_a_script_that_uses_too_much_memory_ends_with_an_error(splash: Client) -> None:
    script = "local s = 'xxxxxxxxxxxxxxxx' while true do s = s .. s end"
    assert "too much memory" in splash.script_error(script)["message"]
    assert splash.main("return 'fine'") == "fine"


@pytest.mark.parametrize(
    "expression",
    [
        *("io", "debug", "package", "load", "loadstring", "dofile", "loadfile", "python", "coroutine"),
        *("os.execute", "os.getenv", "os.remove", "string.rep", "('x').rep", "string.dump", "string.gsub"),
        *("rawset", "rawget", "setmetatable", "getmetatable", "collectgarbage", "_G", "_ENV.io"),
        *("splash.__class__", "splash._tab"),
    ],
)
def test_a_script_sees_no_dangerous_functions(splash: Client, expression: str) -> None:
    assert splash.main(f"return ({expression}) == nil") == "True"


@pytest.mark.parametrize("library", ["os", "io", "debug", "lupa", "../x"])
def test_a_script_cannot_require_other_libraries(splash: Client, library: str) -> None:
    info = splash.script_error(f"require('{library}')")
    assert f"module '{library}' not found" in info["error"]


def test_a_script_cannot_change_the_metatable_of_strings(splash: Client) -> None:
    assert "concatenate" in splash.script_error("return 'a' .. {}")["error"]
    assert splash.main("return tostring(splash)").startswith("table")


def test_find_refuses_a_pattern_with_many_repetitions(splash: Client) -> None:
    script = """
    local t = {}
    for i = 1, 30000 do t[i] = "a" end
    return string.find(table.concat(t), ".-.-.-.-b")
    """
    assert "too much CPU" in splash.script_error(script)["message"]
