"""The selector of a record that has its natural key: what a page has to have before its records are read.

A script may write the records first and their cells later.
"""

from __future__ import annotations

from parsel import Selector

from crawler.suggestion.suggestion import Suggestion


def key_selector(suggestion: Suggestion, html: str) -> str | None:
    """Return the XPath of the records that have their key; None if the records' own XPath says as much.

    Args:
        html: of the page, which must have such a record.
    """
    paths = [field.xpath for field in suggestion.fields if field.name in suggestion.key]
    inside = [
        path for path in paths if not path.startswith(("@", "./@"))
    ]  # not an attribute of the record itself
    if not inside:
        return None
    record = f"({suggestion.record})" if "|" in suggestion.record else suggestion.record
    selector = record + "".join(f"[{path}]" for path in inside)
    try:
        found = Selector(text=html).xpath(selector)
    except ValueError:
        return None
    return selector if found else None
