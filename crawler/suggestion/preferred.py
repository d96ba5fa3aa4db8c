"""Which suggestion comes first: what the user waits for, and rather a list than a menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parsel import Selector

from crawler.suggestion.suggestion import Suggestion

FEWEST_RECORDS, FEWEST_FIELDS = 5, 2  # of a list that comes before a menu
IS_XPATH = ("/", "./", "(")


def with_element(found: Sequence[Suggestion], html: str, element: str) -> list[Suggestion]:
    """Return the suggestions, those first whose records have the element, or are in it.

    Args:
        element: an XPath or a CSS selector.
    """
    page = Selector(text=html)
    nodes = page.xpath(element) if element.startswith(IS_XPATH) else page.css(element)
    waited = {node.root for node in nodes}
    around = {above for node in waited if hasattr(node, "iterancestors") for above in node.iterancestors()}

    def has_element(one: Suggestion) -> bool:
        records: list[Any] = [record.root for record in page.xpath(one.record)]
        return any(
            record in waited or record in around or not waited.isdisjoint(record.iterancestors())
            for record in records
        )

    return sorted(found, key=lambda one: not has_element(one))


def without_menu(found: Sequence[Suggestion]) -> list[Suggestion]:
    """Return the suggestions; if the first one is a menu, a list that is none comes before it."""
    lists = [
        one
        for one in found
        if not one.in_menu and one.rows >= FEWEST_RECORDS and len(one.fields) >= FEWEST_FIELDS
    ]
    if not found or not found[0].in_menu or not lists:
        return list(found)
    return [*lists, *(one for one in found if one not in lists)]
