"""Values of the page in scripts, by the rules of Splash's scripting reference (``splash:jsfunc``)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.renderer.conftest import Client, Pages

READ = """
splash:go(args.url)
local found = splash:evaljs(args.expression)
return {kind=type(found), value=found}
"""


def value_of(client: Client, pages: Pages, expression: str) -> Any:
    """Return the value of the expression in a script, or "nothing" for nil."""
    found = client.main(READ, url=f"{pages.url}/plain", expression=expression)
    return found.get("value") if found["kind"] != "nil" else "nothing"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("({a: 'x', b: [1, [2]], c: true, d: null})", {"a": "x", "b": [1, [2]], "c": True, "d": ""}),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("({a: 1, b: undefined, c: function () {}, d: window, e: document.body, f: NaN})", {"a": 1}),
        ("({toJSON: function () { return 5 }})", {}),
        ("window", "nothing"),
        ("location", "nothing"),
        ("/x/", "nothing"),
        ("new Map()", "nothing"),
        ("new Error('no')", "nothing"),
        ("Symbol('a')", "nothing"),
        ("0 / 0", "nothing"),
        # A jQuery result: an instance with nodes and a reference to itself.
        (
            "(function () { function J() { this[0] = document.body; this.me = this } return new J() })()",
            "nothing",
        ),
        ("document.body.attributes", {}),
        ("document.querySelector('p').attributes", {"id": "p"}),
        ("document.body.getBoundingClientRect().left", 8),
        ("Array.prototype.toJSON = Object.prototype.toJSON = function () { return 5 }, [1, 2]", [1, 2]),
    ],
)
def test_a_value_of_the_page_becomes_the_same_as_in_splash(
    both: Client, pages: Pages, expression: str, expected: object
) -> None:
    assert value_of(both, pages, expression) == expected


def test_a_node_is_an_element_only_outside_of_other_values(both: Client, pages: Pages) -> None:
    result = both.main(
        """
        splash:go(args.url)
        local list = splash:evaljs("document.querySelectorAll('p')")
        local one = splash:evaljs("document.querySelector('p')")
        local inside = splash:evaljs("({one: document.querySelector('p')})")
        return {#list, list[1]:text(), one:text(), type(inside.one)}
        """,
        url=f"{pages.url}/plain",
    )
    assert result == {"1": 1, "2": "plain", "3": "plain", "4": "nil"}


def test_an_object_that_contains_itself_is_an_error(both: Client, pages: Pages) -> None:
    info = both.script_error(
        "splash:go(args.url) return splash:evaljs('var o = {}; o.o = o; o')", url=f"{pages.url}/plain"
    )
    assert info["type"] == "JS_ERROR"
    assert "too deep or recursive" in info["message"]


def test_values_of_the_page_become_values_of_lua(splash: Client, pages: Pages) -> None:
    result = splash.main(
        """
        splash:go(args.url)
        local value = splash:evaljs("({list: [1, 'a', null], none: undefined, f: () => 1, day: new Date(0)})")
        return {value, splash:evaljs("undefined") == nil, splash:evaljs("null"), splash:evaljs("document") == nil}
        """,
        url=f"{pages.url}/plain",
    )
    assert result == {
        "1": {"list": [1, "a", ""], "day": "1970-01-01T00:00:00.000Z"},
        "2": True,
        "3": "",
        "4": True,
    }


def test_evaljs_refuses_cycles(splash: Client) -> None:
    info = splash.script_error("return splash:evaljs('var a = {}; a.a = a; a')")
    assert "too deep or recursive" in info["message"]


def test_jsfunc_returns_a_function_of_the_page(splash: Client, pages: Pages) -> None:
    script = "local add = splash:jsfunc('function (a, b) { return a + b.c }') return add(1, {c = 2})"
    assert splash.main(script) == "3"


def test_an_error_of_evaljs_is_an_error_of_the_script(splash: Client) -> None:
    info = splash.script_error("local x = 1\nsplash:evaljs('throw new TypeError(\"oh\")')")
    assert (info["type"], info["js_error_type"], info["js_error_message"]) == ("JS_ERROR", "TypeError", "oh")
    assert (info["line_number"], info["splash_method"]) == (3, "evaljs")
    assert splash.main("local ok, why = splash:runjs('throw 1') return tostring(ok)") == "nil"


def test_wait_for_resume_returns_the_values_and_the_errors_of_the_page(splash: Client, pages: Pages) -> None:
    script = """
    return splash:wait_for_resume([[function main(splash) {
      setTimeout(() => { splash.set('more', 1); splash.resume('done') }, 20);
    }]])
    """
    assert splash.main(script) == {"value": "done", "more": 1}
    error = "local ok, why = splash:wait_for_resume('function main(s) { s.error(\"bad\") }') return why"
    assert splash.main(error) == "JavaScript error: bad"
    late = "local ok, why = splash:wait_for_resume('function main(s) {}', 0.1) return why"
    assert "timed out" in splash.main(late)
