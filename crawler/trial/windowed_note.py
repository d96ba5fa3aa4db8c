"""A note on a page whose list has more records than the page: the spider would lose them without an error."""

from __future__ import annotations

from crawler.security.plain_text import one_line
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
