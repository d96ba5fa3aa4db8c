"""Splash's error answers and the lines that are made of them."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from scrapy.http import HtmlResponse

from crawler.splash.errors import LONGEST, one_line_error, script_message
from crawler.splash.rendered_pages import WrongSelector, failure_of
from crawler.splash.selectors import wrong_in_html, wrong_selector

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
def test_an_error_becomes_one_line_with_its_reason(answer: dict[str, Any], line: str) -> None:
    assert one_line_error(answer) == line


def test_a_long_message_is_cut() -> None:
    assert len(one_line_error(script_error("x\n" * 5000))) <= LONGEST


CHROMIUM = "SyntaxError: Failed to execute 'querySelectorAll' on 'Document': 'div[' is not a valid selector."
CHROMIUM_XPATH = "SyntaxError: Failed to execute 'evaluate' on 'Document': The string 'div[' is not a valid XPath expression."
QT, QT_XPATH = "Error: SyntaxError: DOM Exception 12", "Error: INVALID_EXPRESSION_ERR: DOM XPath Exception 51"


@pytest.mark.parametrize("message", [CHROMIUM, CHROMIUM_XPATH, QT, QT_XPATH])
def test_a_wrong_selector_is_named_by_its_argument(message: str) -> None:
    answer = script_error(f'error during JS function call: "{message}"', 80)
    reason = wrong_selector(script_message(answer), {"wait_for": "div[", "url": "http://x/", "images": 0})
    assert reason == (
        "wait_for='div[' is no CSS selector: Expected ident or '*', but the text ends "
        "(an XPath begins with /, ./ or a bracket)"
    )
    assert wrong_selector("oops", {"wait_for": "div["}) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"wait_for": "//h1", "next_button": "//a["}, "next_button='//a[' is no XPath: Invalid expression"),
        ({"wait_for": "li", "click": ["#a", "//b("]}, "click='//b(' is no XPath: Invalid expression"),
        (
            {"wait_for": "//a:b", "scroll_items": "//a:b"},
            "items='//a:b' is no XPath: Undefined namespace prefix",
        ),
        ({"wait_for": "p:future()"}, "wait_for='p:future()' is no CSS selector: "),
    ],
)
def test_the_wrong_one_of_several_selectors_is_named(arguments: dict[str, Any], reason: str) -> None:
    assert (wrong_selector(QT, arguments) or "").startswith(reason)


def test_the_message_of_a_script_has_no_line_of_it() -> None:
    assert script_message(script_error("attempt to call a nil value", 12)) == "attempt to call a nil value"


def test_a_selector_for_the_html_of_a_response_is_checked_too() -> None:
    assert wrong_in_html("wait_for", "//div[") == "wait_for='//div[' is no XPath: Invalid expression"
    assert (wrong_in_html("wait_for", "li:future") or "").startswith(
        "wait_for='li:future' is no CSS selector: "
    )
    assert wrong_in_html("wait_for", "//li[1]") is None and wrong_in_html("wait_for", "ul > li") is None


def test_a_page_without_a_script_names_a_wrong_selector() -> None:
    response: Any = HtmlResponse("http://page/", body=b"<html></html>")
    failure = failure_of(response, url="http://page/", wait_for="//div[", timeout=1)
    assert isinstance(failure, WrongSelector) and failure.reason.startswith("wait_for='//div[' is no XPath")


class TimeoutAnswer(HtmlResponse):
    """The answer of a renderer that ended a render."""

    data: ClassVar = TIMEOUT


def timeout_of(**arguments: Any) -> str:
    """Return the error of a render that did not end within its time."""
    response = TimeoutAnswer("http://site/list", status=504)
    return str(failure_of(response, url="http://site/list", wait_for="li", timeout=1, arguments=arguments))


def test_a_list_that_does_not_end_in_time_says_what_to_change() -> None:
    ended = "http://site/list: the renderer answered 504, page was not ready after 0.5 s (GlobalTimeoutError)"
    limit = f"{ended}: all pages of a list are one render, which may take 90 seconds at most: it needs fewer pages"
    assert timeout_of(next_button="a", timeout=90.0) == f"{limit} (max_pages=) or a faster site"
    assert timeout_of(next_button="a", timeout=85.0) == (
        f"{limit} (max_pages=) or a faster site, or more than the 85 s of this one (busy_seconds=)"
    )
    assert timeout_of(timeout=90.0) == ended
