"""Siblings of the records that look like records, and that the XPath of the records does not find."""

from __future__ import annotations

from cssselect import HTMLTranslator, SelectorError

from crawler.suggestion.document import Element, children, evaluate, parse, value_of
from crawler.suggestion.suggestion import Suggestion

MOST_RECORDS = 2000  # whose siblings are looked at
FEWEST_RECORDS = 2  # of a list
CSS = HTMLTranslator()


def other_siblings(suggestion: Suggestion, html: str, url: str) -> int:
    """Return how many elements beside the records have the tag of a record and its key, and are no records."""
    paths = [field.xpath for field in suggestion.fields if field.name in suggestion.key]
    # The cell of a column has a text in any row, and so has an element itself.
    if not paths or not all(path.startswith((".//", "normalize-space(.//", "string(.//")) for path in paths):
        return 0
    records = [one for one in parse(html, url).select(suggestion.record) if hasattr(one, "tag")][
        :MOST_RECORDS
    ]
    found = set(records)
    around = {record.getparent() for record in records} - {None}
    tags = {record.tag for record in records}
    others = (child for parent in around for child in evaluate(parent, "*") if child not in found)
    return sum(child.tag in tags and all(value_of(child, path) for path in paths) for child in others)


def similar_siblings(record: str, html: str, url: str) -> int:
    """Return how many elements beside the records have the tag and the children of a record, and are no records.

    Args:
        record: an XPath or a CSS selector.
    """
    root = parse(html, url).root
    try:
        found = evaluate(root, record if record.startswith(("/", "(")) else CSS.css_to_xpath(record))
    except SelectorError:
        return 0
    records = [one for one in found if hasattr(one, "tag")][:MOST_RECORDS]
    if len(records) < FEWEST_RECORDS:
        return 0
    all_of_them, shapes = set(records), {_shape(one) for one in records}
    parents = dict.fromkeys(one.getparent() for one in records)
    others = (child for parent in parents if parent is not None for child in children(parent))
    return sum(child not in all_of_them and len(child) > 0 and _shape(child) in shapes for child in others)


def _shape(element: Element) -> tuple[str, ...]:
    """Return the tags of an element, its children and theirs."""
    below = children(element)
    return (element.tag, *(one.tag for child in below for one in (child, *children(child))))
