"""Notes on pages whose lists have more records than were read: the spider would lose them without an error."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scrapy import Spider

from crawler.security.plain_text import one_line
from crawler.suggestion.next_button import next_button
from crawler.suggestion.other_siblings import similar_siblings
from crawler.suggestion.said_pages import said_pages
from crawler.suggestion.suggest import suggest
from crawler.trial.trial_pages import TrialPage


def windowed_note(page: TrialPage) -> str | None:
    """Return a line that says that the list of a page may have more records; None if nothing speaks for it."""
    if page.has_steps or page.encoding is None:
        return None
    found = suggest(page.file.read_text(page.encoding, "replace"), page.url)
    if found is None:
        return None
    advice = f"request the page with render_scrolled(items={one_line(found.record)!r})"
    if found.grid_rows:
        return (
            f"{page.url}: the list says that it has {found.grid_rows} records, and {found.rows} are on the page: "
            f"{advice}"
        )
    if found.is_placed:
        return (
            f"{page.url}: its records have places of their own, as in a list that has only what is in sight: "
            f"if rows are missing, {advice}"
        )
    return None


def more_pages_note(pages: Sequence[TrialPage]) -> str | None:
    """Return a line if the only page of a trial says that it is the first one of several; None otherwise."""
    if len(pages) != 1 or pages[0].has_steps or pages[0].encoding is None:
        return None
    page = pages[0]
    html = page.file.read_text(page.encoding or "utf-8", "replace")
    if said := said_pages(html):
        return f"{page.url} says {one_line(said)!r}, and the spider requests no other page"
    if (button := next_button(html)) is not None:
        return (
            f"{page.url} has a button {one_line(button.words)!r}, and the spider requests no other page: if the list "
            "has more pages, use render_pages"
        )
    return None


def siblings_note(page: TrialPage, record: str | None) -> str | None:
    """Return a line if elements beside the records of a page are built like them, and are no records.

    Args:
        record: the XPath or the CSS selector of the records; None if it is not known.
    """
    if record is None or page.encoding is None:
        return None
    number = similar_siblings(record, page.file.read_text(page.encoding, "replace"), page.url)
    if not number:
        return None
    return (
        f"{page.url}: {number} elements beside the records are built like them, and {one_line(record)} does not find "
        "them: if they are records, correct it"
    )


def record_of(spider: type[Spider]) -> str | None:
    """Return the selector of a spider's records: RECORD of its module, as ``new`` writes it and a YAML site has it."""
    record = getattr(sys.modules.get(spider.__module__), "RECORD", None)
    return record if isinstance(record, str) else None
