"""The pattern of a URL, and tracking parameters."""

from __future__ import annotations

import pytest

from crawler.rendering.pattern import LONGEST_PATTERN, coarse_pattern, url_pattern, without_tracking


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("", "/"),
        ("/item/7", "/item/{n}"),
        ("/catalogue/the-long-way_12/", "/catalogue/{slug}/"),
        ("/books/9780306406157.html", "/books/{n}.html"),
        ("/p/B08N5WRWNW", "/p/{id}"),
        ("/o/0b0c9d6a-7b5c-4c3e-9b0a-0a1b2c3d4e5f", "/o/{id}"),
        ("/%C3%A9t%C3%A9", "/{slug}"),
        ("/about", "/about"),
        ("/page2", "/page{n}"),
        ("/list?page=3&sort=price&utm_source=mail&gclid=1", "/list?page={n}&sort=price"),
        ("/x?route=product/product&product_id=4", "/x?product_id={n}&route=product/product"),
        ("/#/item/3", "/#/item/{n}"),
    ],
)
def test_what_differs_between_pages_of_one_kind_is_replaced(path: str, pattern: str) -> None:
    assert url_pattern(f"https://shop.example{path}") == pattern


def test_a_coarse_pattern_keeps_the_number_of_parts_and_the_names_of_parameters() -> None:
    assert coarse_pattern("https://a.example/wiki/Python?lang=en&utm_id=1&x=") == "/{any}/{any}?lang&x"
    assert coarse_pattern("https://a.example") == "/"
    assert coarse_pattern("https://a.example/a/#b") == "/{any}/#{any}"


def test_a_pattern_has_a_limit_and_only_ascii_of_a_request() -> None:
    assert len(url_pattern("https://a.example/" + "/".join("abc" for _ in range(2000)))) == LONGEST_PATTERN


def test_only_tracking_parameters_are_removed() -> None:
    assert without_tracking("https://a.example/?b=1&utm_medium=x&fbclid=2&c=") == "https://a.example/?b=1&c="
    assert without_tracking("https://a.example/?q=a+b&x=%20") == "https://a.example/?q=a+b&x=%20"
