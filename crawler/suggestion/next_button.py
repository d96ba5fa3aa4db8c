"""The button of a list's next page: no link, so that a spider has to click it (``render_pages``)."""

from __future__ import annotations

import re

from lxml import etree, html

NEXT = re.compile(
    r"^(?:(?:go to )?(?:the )?next(?: page)?|older|more|›|»|>|>>|load more|show more)$", re.IGNORECASE
)
BUTTONS = "//button | //*[@role='button'] | //input[@type='button' or @type='submit']"
WORDS = ("aria-label", "title", "value")


def next_button(page: str) -> str | None:
    """Return the words on the first button that leads to more records; None if the page has none."""
    try:
        tree = html.fromstring(page)
    except (etree.ParserError, ValueError):
        return None
    for button in tree.xpath(BUTTONS):
        for words in (*(button.get(name) for name in WORDS), "".join(button.itertext())):
            text = " ".join((words or "").split())
            if NEXT.match(text):
                return text
    return None
