"""Whether a page is a login, whose list is behind it."""

from __future__ import annotations

from crawler.suggestion.document import parse
from crawler.suggestion.suggestion import Suggestion

FORMS = "//form[.//input[@type='password' and not(@hidden)]]"


def is_login(html: str, url: str, found: Suggestion | None) -> bool:
    """Return whether a page has a form with a password, and no records beside it.

    Args:
        found: the best suggestion for the page; None if there is none.
    """
    document = parse(html, url)
    forms = set(document.select(FORMS))
    if not forms or found is None or found.in_menu:
        return bool(forms)
    records = [record for record in document.select(found.record) if hasattr(record, "tag")]
    return all(any(around in forms for around in record.iterancestors()) for record in records)
