"""The button of a list's next page: no link, so that a spider has to click it (``render_pages``)."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree, html

NEXT = re.compile(
    r"^(?:(?:go to )?(?:the )?next(?: page)?|older|more|›|»|>|>>|load more|show more)$", re.IGNORECASE
)
BUTTONS = "//button | //*[@role='button'] | //input[@type='button' or @type='submit']"
HIDDEN = re.compile(
    r"(?:^|\s)(?:ag|is)-hidden(?:\s|$)"
)  # others, such as "hidden md:flex", hide it on small screens
WORDS = ("aria-label", "title", "value")


def next_button(page: str) -> str | None:
    """Return the words on the first button that leads to more records; None if the page has none."""
    try:
        tree = html.fromstring(page)
    except (etree.ParserError, ValueError):
        return None
    for button in tree.xpath(BUTTONS):
        if _is_off(button):
            continue
        for words in (*(button.get(name) for name in WORDS), "".join(button.itertext())):
            text = " ".join((words or "").split())
            if NEXT.match(text):
                return text
    return None


def _is_off(button: Any) -> bool:
    """Return whether a button is disabled or hidden: a grid may have the buttons of pages that it does not use."""
    if button.get("disabled") is not None or button.get("aria-disabled") == "true":
        return True
    around = (button, *button.iterancestors())
    return any(one.get("hidden") is not None or HIDDEN.search(one.get("class") or "") for one in around)
