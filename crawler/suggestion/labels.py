"""The label beside a value: the term of a description, "Author:" before a name, the header of a table's column."""

from __future__ import annotations

from itertools import islice

from crawler.suggestion import aria_grid
from crawler.suggestion.document import Element, children, text_of
from crawler.suggestion.icons import shown_text
from crawler.suggestion.words import words
from crawler.suggestion.xpath_text import has_text, literal

LABEL_TAGS = frozenset(("dt", "th", "label"))
EMPHASIS = words("b strong span em small i div")
LONGEST = 40  # characters of a label
LONGEST_HEADING = 80


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
    text = shown_text(element)
    return text if len(text) <= LONGEST else ""


def headers(table: Element) -> tuple[Element, ...]:
    """Return the header cells of a table, or () without such a row."""
    for row in islice(table.iter("tr"), 4):
        cells = [cell for cell in children(row) if cell.tag in ("th", "td")]
        names = [cell for cell in cells if cell.tag == "th"]
        if len(names) > 1 and len(names) >= len(cells) - 1:
            return tuple(cells)
    return ()


def table_of(row: Element) -> Element | None:
    """Return the table that a row is in."""
    return next(iter(row.iterancestors("table")), None) if row.tag == "tr" else None


def header_of(row: Element, position: int) -> Element | None:
    """Return the header of a column of a row's table, or None."""
    table = table_of(row)
    cells = headers(table) if table is not None else ()
    return cells[position] if position < len(cells) else None


def heading_of(record: Element, position: int) -> str:
    """Return the text above a column: of the table's header, or of a table beside it that has only the header.

    Of a grid of ARIA roles it is the text of the header with the number of the column.
    """
    if record.tag != "tr" and (row := aria_grid.row_in(record)) is not None:
        header = aria_grid.header_of(row, position)
        return "" if header is None else aria_grid.header_text(header)[:LONGEST_HEADING]
    table = table_of(record)
    if table is None or headers(table):
        return _heading(header_of(record, position))
    number = len(children(record))
    for ancestor in islice(table.iterancestors(), 8):
        for other in islice(ancestor.iter("table"), 6):
            cells = headers(other)
            if len(cells) == number:
                return _heading(cells[position] if position < number else None)
    return ""


def _heading(header: Element | None) -> str:
    return "" if header is None else shown_text(header)[:LONGEST_HEADING]


def says(element: Element) -> str:
    """Return the condition of an XPath that finds a header by its words, whatever icon is beside them."""
    raw, shown = text_of(element), shown_text(element)
    if raw != shown and shown and any(" ".join(part.split()) == shown for part in element.itertext()):
        return f".//text()[normalize-space()={literal(shown)}]"
    return has_text(raw)
