"""Tables that are made of ARIA roles: elements with the role row, their cells, and the headers of their columns."""

from __future__ import annotations

from itertools import islice
from typing import Any

from lxml import etree

from crawler.suggestion.icons import shown_text
from crawler.suggestion.words import words

CELL_ROLES = words("gridcell cell rowheader")
GRID_ROLES = words("grid table treegrid")
HTML_CELLS = ("td", "th")
MOST_HEADERS = 500
MOST_LEVELS = 50  # between a cell and its grid
_HEADERS = etree.XPath("descendant::*[@role='columnheader']")
_HEADER_ROWS = etree.XPath("count(descendant::*[@role='row'][descendant::*[@role='columnheader']])")


def is_cell(element: Any) -> bool:
    """Return whether an element is a cell of a grid, and none of HTML's tables."""
    return element.tag not in HTML_CELLS and element.get("role") in CELL_ROLES


def is_row(element: Any) -> bool:
    """Return whether an element is a row of a grid, and none of HTML's tables."""
    return bool(element.tag != "tr" and element.get("role") == "row")


def has_records(element: Any) -> bool:
    """Return whether a row may be a record: it is no row of headers, and has no other rows in it."""
    has_header = has_cell = False
    for one in element.iterdescendants("*"):
        role = one.get("role")
        if role == "row":
            return False
        has_header, has_cell = has_header or role == "columnheader", has_cell or role in CELL_ROLES
    return has_cell or not has_header


def grid_of(element: Any) -> Any:
    """Return the grid that an element is in, or None."""
    above = islice(element.iterancestors(), MOST_LEVELS)
    return next((one for one in above if one.get("role") in GRID_ROLES), None)


def row_in(record: Any) -> Any:
    """Return the row that a record is or has, or None."""
    return next((one for one in record.iter("*") if is_row(one)), None)


def column_of(cell: Any) -> int:
    """Return the number of a cell's column, from 0: by aria-colindex, else by its place among the cells of its row."""
    number = _index(cell)
    if number is not None:
        return number
    above = islice(cell.iterancestors(), MOST_LEVELS)
    row = next((one for one in above if is_row(one)), cell.getparent())
    if row is None:
        return 0
    for number, one in enumerate(one for one in row.iterdescendants("*") if is_cell(one)):
        if one is cell:
            return number
    return 0


def header_of(row: Any, column: int) -> Any:
    """Return the header of a column of a row's grid, or None."""
    grid = grid_of(row)
    if grid is None:
        return None
    found = _HEADERS(grid)[:MOST_HEADERS]
    by_index = next((one for one in found if _index(one) == column), None)
    if by_index is not None or any(_index(one) is not None for one in found):
        return by_index
    return found[column] if column < len(found) else None


def way_to(header: Any, record: Any, depth: int) -> str | None:
    """Return the XPath from a cell to the headers of its grid, or None if nothing is around both.

    It goes up to the first element around both, and down into the one that has the headers: an XPath through all of
    the grid would read the complete list for each of its records.

    Args:
        depth: how many levels the cell is below the record.
    """
    around = list(header.iterancestors())
    for number, above in enumerate(record.iterancestors(), 1):
        if above in around:
            below = header if around[0] is above else around[around.index(above) - 1]
            place = above.index(below) - sum(
                1 for one in above[: above.index(below)] if not isinstance(one.tag, str)
            )
            axis = "descendant-or-self" if below is header else "descendant"
            return f"ancestor::*[{number + depth}]/*[{place + 1}]/{axis}::*[@role='columnheader']"
    return None


def header_text(header: Any) -> str:
    """Return the words of a header: its text, else its aria-label."""
    return shown_text(header) or (header.get("aria-label") or "").strip()


def row_count(record: Any) -> int:
    """Return how many rows the grid of a record has, also those that are not on the page; 0 if it does not say so."""
    grid = grid_of(record)
    text = (grid.get("aria-rowcount") or "") if grid is not None else ""
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def header_rows(record: Any) -> int:
    """Return how many rows of headers the grid of a record has."""
    grid = grid_of(record)
    return 0 if grid is None else int(_HEADER_ROWS(grid))


def _index(element: Any) -> int | None:
    text = element.get("aria-colindex") or ""
    return int(text) - 1 if text.isdecimal() and 0 < len(text) < 6 else None
