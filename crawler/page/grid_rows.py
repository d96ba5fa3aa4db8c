"""Whether a page has a grid with more rows than the spider read from it.

A windowed list has only the rows that are in sight in its HTML. A spider that does not scroll it reads these, and no
error shows that there are more.
"""

from __future__ import annotations

import re

ROW_COUNT = re.compile(rb"""aria-rowcount\s*=\s*["']?(\d{1,9})(?!\d)""", re.IGNORECASE)
MOST_GRIDS = 20  # of a page, that are looked at
MOST_HEADERS = 3  # rows of a grid that are headers
FEWEST = 2  # results of a list; a page of one record may have a grid of something else


def grid_rows(body: bytes) -> int:
    """Return how many rows the largest grid of a page says that it has (``aria-rowcount``); 0 without one."""
    if b"aria-rowcount" not in body:
        return 0
    counts = [int(found[1]) for found, _ in zip(ROW_COUNT.finditer(body), range(MOST_GRIDS), strict=False)]
    return max(counts, default=0)


def is_short(results: int, rows: int) -> bool:
    """Return whether so many results are fewer than the rows of a grid."""
    return FEWEST <= results < rows - MOST_HEADERS
