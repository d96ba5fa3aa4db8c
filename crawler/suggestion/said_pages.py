"""What a page says about the pages of its list: "Page 1 of 11"."""

from __future__ import annotations

import re

from lxml import etree, html

FIRST_OF = re.compile(
    r"\b(?:page|seite|página|pagina|strona|sida|side|стр\w*)\s+1\s+(?:of|von|de|di|van|z|av|af|из)\s+(\d{1,6})\b",
    re.IGNORECASE,
)
LONGEST = 1_000_000  # characters of a page that are looked at


def said_pages(page: str) -> str | None:
    """Return the text with which a page says that it is the first one of several, such as "Page 1 of 11"."""
    try:
        tree = html.fromstring(page[:LONGEST])
    except (etree.ParserError, ValueError):
        return None
    etree.strip_elements(tree, "script", "style", with_tail=False)
    # The numbers may be elements of their own.
    text = " ".join(" ".join(tree.itertext()).split())
    return next((found[0] for found in FIRST_OF.finditer(text) if int(found[1]) > 1), None)
