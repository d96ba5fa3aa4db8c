"""What a script gets of the page's values: Splash's rules, in its scripting reference under ``splash:jsfunc``."""

from __future__ import annotations

import pytest

READ = """
splash:go(args.url)
local found = splash:evaljs(args.expression)
return {kind=type(found), value=found}
"""


def value_of(client, pages, expression):
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
        # What jQuery returns: an instance with nodes, and a way round back to itself.
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
def test_a_value_becomes_what_splash_makes_of_it(both, pages, expression, expected):
    assert value_of(both, pages, expression) == expected


def test_nodes_are_elements_only_where_nothing_is_around_them(both, pages):
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


def test_what_leads_back_to_itself_is_an_error(both, pages):
    info = both.script_error(
        "splash:go(args.url) return splash:evaljs('var o = {}; o.o = o; o')", url=f"{pages.url}/plain"
    )
    assert info["type"] == "JS_ERROR"
    assert "too deep or recursive" in info["message"]
