"""Any text is a page: no HTML raises, and large or deep pages end within seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from parsel import Selector

from crawler.suggestion.left_out import with_left_out
from crawler.suggestion.suggest import candidates, suggest
from pipelines.values.type_guess import type_of

URL = "http://127.0.0.1/list?page=1"
TAGS = (
    "div",
    "ul",
    "li",
    "table",
    "tr",
    "td",
    "th",
    "a",
    "p",
    "span",
    "dl",
    "dt",
    "dd",
    "article",
    "h3",
    "time",
    "x:y",
)
TEXT = st.text(max_size=12)
NAMES = (
    st.sampled_from(["row", "cell", "grid", "columnheader", "true", "1", "\uf0de", "▲"])
    | st.sampled_from(["price", "a'b", 'a"b', "a'b\"c", "שלום", "\u202e", "css-1x2y3z", "x]", "", "$1"])
    | TEXT
)
SECONDS = 20.0  # on a machine with other work


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    """Return an element, with others like it inside."""
    tag = draw(st.sampled_from(TAGS))
    attributes = "".join(
        f" {name}={quote}{draw(NAMES)}{quote}"
        for name in draw(
            st.lists(
                st.sampled_from(
                    [
                        "class",
                        "id",
                        "href",
                        "itemprop",
                        "data-id",
                        "itemtype",
                        "dir",
                        "role",
                        "aria-colindex",
                        "aria-rowcount",
                        "aria-hidden",
                        "style",
                    ]
                ),
                max_size=3,
            )
        )
        for quote in draw(st.sampled_from(["'", '"']))
    )
    inside = draw(TEXT)
    if depth:
        inside += "".join(draw(st.lists(elements(depth - 1), max_size=3)))
    return f"<{tag}{attributes}>{inside}</{tag}>" * draw(st.integers(1, 4))


def check(html: str) -> None:
    """Fail if a suggestion for the page raises, or has an XPath that does not work on it."""
    found = candidates(html, URL, type_of)
    for suggestion in found:
        root = Selector(html.encode("utf-8", "replace").decode("utf-8"), type="html")
        records = root.xpath(suggestion.record)
        assert len(records) == suggestion.rows
        names = [field.name for field in suggestion.fields]
        assert len(names) == len(set(names))
        assert all(name.isidentifier() and name.isascii() for name in names)
        assert set(suggestion.key) <= set(names)
        for field in suggestion.fields:
            etree.XPath(field.xpath)
            assert 0 < field.filled <= 1
            assert field.samples
        more = with_left_out(suggestion, html, URL, type_of).left_out
        names += [one.field.name for one in more]
        assert len(names) == len(set(names))
        for one in more:
            etree.XPath(one.field.xpath)
    assert suggest(html, URL, type_of) == (found[0] if found else None)


@settings(deadline=None)
@given(elements())
def test_random_elements_have_suggestions_that_work(html: str) -> None:
    check(html)


@settings(deadline=None)
@given(st.text(st.sampled_from("<>/='\" abltdiv!-?[]&;\x00\ud800א")))
def test_random_text_raises_nothing(text: str) -> None:
    check(text)


@given(st.text(max_size=40))
def test_a_url_that_is_none_raises_nothing(url: str) -> None:
    html = "<ul>" + "".join(f"<li><a href='?page={n}'>item {n}</a> text {n}</li>" for n in range(4)) + "</ul>"
    assert suggest(html, url) is not None


@pytest.mark.parametrize(
    "html",
    [
        "",
        " ",
        "\x00",
        "<",
        "<!-- only a comment -->",
        "<?xml version='1.0'?><?php echo 1 ?>",
        "<script>var a = '<li>1</li><li>2</li>';</script>",
        "<svg xmlns='http://www.w3.org/2000/svg'><g><path/></g></svg>",
        "<html></html>",
        "<frameset><frame src=a></frameset>",
        "<li>a<li>b<li>c",
        "<base href='http://[broken'><ul><li><a href='http://[x'>one</a></li><li><a href='http://[y'>two</a></li></ul>",
        "<script type='application/ld+json'>{{{</script><script type='application/ld+json'>"
        + "[" * 5000
        + "</script>",
        "<r:feed xmlns:r='urn:x'><r:entry>one</r:entry><r:entry>two</r:entry><r:entry>three</r:entry></r:feed>",
    ],
    ids=lambda html: html[:30],
)
def test_a_broken_page_raises_nothing(html: str) -> None:
    check(html)


def test_class_names_with_both_quotes_are_found() -> None:
    name = "it&#39;s&quot;price&quot;"
    rows = "".join(f"<div class='{name}'><b>item {n}</b><i>£{n}.50</i></div>" for n in range(5))
    suggestion = suggest(f"<body><section>{rows}</section></body>", URL, type_of)
    assert suggestion is not None
    assert suggestion.rows == 5


def seconds_of(html: str) -> float:
    before = time.process_time()
    suggest(html, URL, type_of)
    return time.process_time() - before


def rows() -> str:
    row = "<tr><td>{n}</td><td><a href='/{n}'>name {n}</a></td><td>{n}.50</td><td>text of {n}</td></tr>"
    head = "<table><tr><th>No</th><th>Name</th><th>Price</th><th>Text</th></tr>"
    return head + "".join(row.format(n=n) for n in range(55_000)) + "</table>"


def cards() -> str:
    card = "<div class='card c{n}'><h3><a href='/{n}'>Title {n}</a></h3><p class='price'>{n}</p></div>"
    return "".join(card.format(n=n) for n in range(50_000))


def mixed() -> str:
    dice = random.Random(5)
    parts = ["<div>", "</div>", "<li>", "word ", "<a href=x>", "</a>"]
    return "".join(dice.choice(parts) for _ in range(900_000))


def grid() -> str:
    row = "<div role=row><b role=cell>{n}</b><b role=cell><a href='/{n}'>name {n}</a></b><b role=cell>{n}.50</b></div>"
    head = "<div role=grid><div role=row>" + "<b role=columnheader>No</b>" * 3 + "</div>"
    return head + "".join(row.format(n=n) for n in range(40_000)) + "</div>"


# Pages of about five million characters, by what is many in them.
LARGE_PAGES: dict[str, Callable[[], str]] = {
    "rows": rows,
    "cards": cards,
    "flat": lambda: "<p>a" * 1_250_000,
    "deep": lambda: "<div>x" * 800_000,
    "text": lambda: "<ul>" + f"<li>{'long ' * 100_000}</li>" * 10 + "</ul>",
    "links": lambda: "".join(f"<a class='k{n % 997}' href='?page={n}'>{n}</a> " for n in range(120_000)),
    "classes": lambda: f"<div class='{' '.join(f'k{n}' for n in range(700_000))}'>a</div>" * 2,
    "inside": lambda: "".join(f"<li>{'<b>x</b><i>y</i>' * 5_000}</li>" for _ in range(60)),
    "mixed": mixed,
    "grid": grid,
    "nested rows": lambda: (
        "<div role=grid><b role=columnheader>a</b>" + "<div role=row>x<b role=cell>y</b>" * 100_000
    ),
}


@pytest.mark.parametrize("name", LARGE_PAGES)
def test_a_large_page_ends_within_seconds(name: str) -> None:
    html = LARGE_PAGES[name]()
    assert len(html) > 3_000_000
    assert seconds_of(html) < SECONDS


def test_all_records_of_a_large_page_are_counted() -> None:
    found = suggest(cards(), URL, type_of)
    assert found is not None
    assert found.rows == 50_000
