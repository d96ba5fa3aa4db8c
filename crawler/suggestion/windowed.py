"""Windowed lists: they have only the records that are in sight, so a spider has to scroll (``render_scrolled``)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crawler.suggestion.aria_grid import header_rows, row_count
from crawler.suggestion.document import Element

PLACED = re.compile(r"position:\s*absolute|transform:\s*translate", re.IGNORECASE)
DISTANCE = re.compile(
    r"(?:\btop:\s*|translatey\(\s*|translate(?:3d)?\([^,()]+,\s*)(\d+(?:\.\d+)?)px", re.IGNORECASE
)
SAMPLE = 10  # records
MOST_HEADERS = 100  # rows


def rows_of_grid(records: Sequence[Element]) -> int:
    """Return how many records their grid has (``aria-rowcount``) if it has more than the page; else 0."""
    first = records[0].get("aria-rowindex") or ""
    # The number of a grid has its rows of headers in it, and so has the first record's index, but not in all libraries.
    before = int(first) - 1 if first.isdecimal() and len(first) < 10 else MOST_HEADERS
    number = row_count(records[0]) - min(header_rows(records[0]), before)
    return number if number > len(records) else 0


def are_placed(records: Sequence[Element]) -> bool:
    """Return whether each record, or the element around it, has a place of its own in its style."""
    return any(_are_placed(elements) for elements in (records[:SAMPLE], _parents(records[:SAMPLE])))


def _parents(records: Sequence[Element]) -> list[Element]:
    return [parent for record in records if (parent := record.getparent()) is not None]


def _are_placed(elements: Sequence[Element]) -> bool:
    styles = [element.get("style") or "" for element in elements]
    if not all(map(PLACED.search, styles)):
        return False
    distances = [found[1] for style in styles if (found := DISTANCE.search(style))]
    return len(distances) == len(styles) == len(set(distances)) > 2
