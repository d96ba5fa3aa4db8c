"""The link to the next page: on the first page it may be right only because there is no link to a page before."""

from __future__ import annotations

import pytest

from crawler.suggestion.document import parse
from crawler.suggestion.next_page import next_link_left, next_page, next_page_on

SITE = "https://shop.example/films"
BACK = "<li class=prev><a aria-label='next page' href='{}'>« Previous</a></li>"
ON = "<li class=next><a class=next aria-label='next page' href='{}'>Next »</a></li>"
ONLY_NAMED = "<a aria-label='next page' href='{}'>»</a>"


def chosen(first: str, second: str, second_url: str = f"{SITE}?page=2") -> str | None:
    return next_page_on(parse(first, SITE), parse(second, second_url))


def test_a_name_that_the_link_to_the_page_before_has_too_is_not_taken() -> None:
    first, second = ON.format("?page=2"), BACK.format("/films") + ON.format("?page=3")
    assert next_page(parse(first, SITE)) == "//a[@aria-label='next page']/@href"
    for back in ("/films", "/films#top", "?page=1", "?page=2"):
        xpath = chosen(first, BACK.format(back) + ON.format("?page=3"))
        assert xpath is not None
        assert parse(second, SITE).select(xpath)[0] == "?page=3"


def test_on_a_last_page_a_link_that_leads_back_is_not_taken() -> None:
    assert chosen(ON.format("?page=2"), BACK.format("/films")) == (
        "//a[contains(concat(' ', normalize-space(@class), ' '), ' next ')]/@href"
    )


@pytest.mark.parametrize("second", [ON.format("?page=3"), "", ON.format("#"), ON.format("?page=2")])
def test_the_first_name_stays_if_nothing_speaks_against_it(second: str) -> None:
    assert chosen(ON.format("?page=2"), second) == "//a[@aria-label='next page']/@href"


def test_without_another_name_the_first_one_stays() -> None:
    second = ONLY_NAMED.format("/films") + ONLY_NAMED.format("?page=3")
    assert chosen(ONLY_NAMED.format("?page=2"), second) == "//a[@aria-label='next page']/@href"
    assert chosen("<p>all</p>", "<p>all</p>") is None


@pytest.mark.parametrize(
    ("html", "left"),
    [
        (BACK.format("/films") + ON.format("?page=3"), f"{SITE}?page=3"),
        ("<link rel='next nofollow' href='?page=3'>", f"{SITE}?page=3"),
        ("<a href='?page=3#top' title=Next><i></i></a>", f"{SITE}?page=3"),
        ("<a href='?page=3'>3</a>", None),
        (BACK.format("?page=1"), None),
        (ON.format("?page=2"), None),
        (ON.format("#"), None),
        (ON.format("https://other.example/films?page=3"), None),
        (ON.format("http://[?page=3"), None),
        (ON.format("?page=3") * 2 + ON.format("?page=9"), f"{SITE}?page=3"),
    ],
)
def test_a_next_link_that_was_not_requested_is_found(html: str, left: str | None) -> None:
    url = f"{SITE}?page=2"
    root = parse(html, url).root
    assert next_link_left(root, url, url, [SITE]) == left
    assert next_link_left(root, url, url, [SITE, f"{SITE}?page=3"]) in (None, f"{SITE}?page=9")
