"""Fields with several values in a record, such as tags: a spider stores the first one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsel import Selector

from crawler.suggestion.suggestion import Suggestion

FIRST_TEXT = re.compile(
    r"^normalize-space\((.+)\)$"
)  # of an XPath, which has the text of the first element only


def several_values(suggestion: Suggestion, html: str) -> Iterator[tuple[str, int]]:
    """Yield the name of each field that has more than one value in some records, and the number of these records."""
    records = Selector(text=html).xpath(suggestion.record)
    for field in suggestion.fields:
        several = sum(_values(record, field.xpath) > 1 for record in records)
        if several:
            yield field.name, several


def each_value(xpath: str) -> str:
    """Return the XPath of all values of a field, of the one that has the text of the first value."""
    return FIRST_TEXT.sub(r"\1", xpath)


def _values(record: Selector, xpath: str) -> int:
    """Return how many different texts the path of a value finds in a record."""
    try:
        found = record.xpath(each_value(xpath))
    except ValueError:  # the text was not one path in brackets
        return 1
    texts = (node.root if isinstance(node.root, str) else node.xpath("string()").get("") for node in found)
    return len({" ".join(text.split()) for text in texts} - {""})
