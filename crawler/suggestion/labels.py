"""The label beside a value: the term of a description, "Author:" before a name, the header of a table's column."""

from __future__ import annotations

from itertools import islice

from crawler.suggestion.document import Element, children, text_of
from crawler.suggestion.words import words

LABEL_TAGS = frozenset(("dt", "th", "label"))
EMPHASIS = words("b strong span em small i div")
LONGEST = 40  # characters


def label_of(element: Element) -> str:
    """Return the text of the label before or at the beginning of an element, or "" without one."""
    before = element.getprevious()
    if before is not None and before.tag in LABEL_TAGS and not _starts_table_row(element, before):
        return _short_text(before)
    if before is not None and before.tag in EMPHASIS and not (before.tail or "").strip():
        text = _short_text(before)
        return text if text.endswith(":") else ""
    first = _first_child(element)
    if first is not None:
        text = _short_text(first)
        return text if text.endswith(":") or first.tag == "label" else ""
    return ""


def _starts_table_row(element: Element, before: Element) -> bool:
    """Return whether the th before a cell is the row's own value in a table of records."""
    row = element.getparent()
    return before.tag == "th" and row is not None and len(row) != 2


def _first_child(element: Element) -> Element | None:
    if (element.text or "").strip() or len(element) == 0 or element.tag in ("tr", "dl", "table", "tbody"):
        return None
    first = element[0]
    return first if first.tag in EMPHASIS or first.tag == "label" else None


def _short_text(element: Element) -> str:
    if len(element) > 3:
        return ""
    text = text_of(element)
    return text if len(text) <= LONGEST else ""


def headers(table: Element) -> tuple[str, ...]:
    """Return the texts of the header cells of a table, or () without such a row."""
    for row in islice(table.iter("tr"), 4):
        cells = [cell for cell in children(row) if cell.tag in ("th", "td")]
        names = [cell for cell in cells if cell.tag == "th"]
        if len(names) > 1 and len(names) >= len(cells) - 1:
            return tuple(text_of(cell)[:80] for cell in cells)
    return ()


def table_of(row: Element) -> Element | None:
    """Return the table that a row is in."""
    return next(iter(row.iterancestors("table")), None) if row.tag == "tr" else None


def header_of(row: Element, position: int) -> str:
    """Return the text of the header of a column, or ""."""
    table = table_of(row)
    names = headers(table) if table is not None else ()
    return names[position] if position < len(names) else ""


def heading_of(row: Element, position: int) -> str:
    """Return the text above a column: of the table's header, or of a table beside it that has only the header."""
    table = table_of(row)
    if table is None or headers(table):
        return header_of(row, position)
    number = len(children(row))
    for ancestor in islice(table.iterancestors(), 8):
        for other in islice(ancestor.iter("table"), 6):
            names = headers(other)
            if len(names) == number:
                return names[position] if position < number else ""
    return ""
