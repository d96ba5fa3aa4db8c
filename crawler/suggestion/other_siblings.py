"""Siblings of the records that look like records, and that the XPath of the records does not find."""

from __future__ import annotations

from crawler.suggestion.document import evaluate, parse, value_of
from crawler.suggestion.suggestion import Suggestion

MOST_RECORDS = 2000  # whose siblings are looked at


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
