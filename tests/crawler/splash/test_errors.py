"""Splash's error answers as they come over the wire, and what people read."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.splash.errors import LONGEST, short

RENDER = {
    "error": 502,
    "type": "RenderError",
    "description": "Error rendering page",
    "info": {
        "type": "Network",
        "code": 3,
        "text": "Host nosuch.invalid not found",
        "url": "http://nosuch.invalid/",
    },
}
TIMEOUT = {
    "error": 504,
    "type": "GlobalTimeoutError",
    "description": "Timeout exceeded rendering page",
    "info": {"remaining": -0.006, "timeout": 0.5},
}
OPTION = {
    "error": 400,
    "type": "BadOption",
    "description": "Incorrect HTTP API arguments",
    "info": {
        "type": "bad_argument",
        "argument": "timeout",
        "description": "Argument is out of the allowed range",
    },
}
EXPIRED = {"error": 498, "type": "ExpiredArguments", "info": {"expired": ["lua_source"]}}


def script_error(error: str, line: int = 1) -> dict[str, Any]:
    message = f'Lua error: [string "function main(splash)..."]:{line}: {error}'
    info = {"line_number": line, "error": error, "type": "LUA_ERROR", "message": message}
    return {"error": 400, "type": "ScriptError", "description": "Error happened", "info": info}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (RENDER, "page could not be loaded: Host nosuch.invalid not found (network3) (RenderError)"),
        (TIMEOUT, "page was not ready after 0.5 s (GlobalTimeoutError)"),
        (OPTION, "timeout: Argument is out of the allowed range (BadOption)"),
        (EXPIRED, "arguments that Splash no longer has: lua_source (ExpiredArguments)"),
        (
            script_error("network3", 4),
            "page could not be loaded: host not found (network3) (ScriptError, line 4 of the script)",
        ),
        (script_error("http404"), "the site answered 404 (ScriptError, line 1 of the script)"),
        (
            script_error("oops", 2),
            'Lua error: [string "function main(splash)..."]:2: oops (ScriptError, line 2 of the script)',
        ),
        ({"error": 500, "type": "InternalError", "info": "boom"}, "boom (InternalError)"),
        ({"error": 503}, "no reason given (503)"),
        ({}, "no reason given (error)"),
    ],
)
def test_an_error_is_one_line_that_says_why(answer: dict[str, Any], line: str) -> None:
    assert short(answer) == line


def test_a_page_in_a_message_is_cut() -> None:
    assert len(short(script_error("x\n" * 5000))) <= LONGEST
