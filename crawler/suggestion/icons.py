"""Icons that are text: words and private-use characters of icon fonts, and arrows that show how a column is sorted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from crawler.suggestion.words import words

PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
ARROWS = "▲△▴▵▼▽▾▿↑↓↕⇅⇵⇕⇧⇩⬆⬇⬍⏶⏷⌃⌄⌵\ufe0e\ufe0f"
# Fonts that draw a word, such as "arrow_upward", as one picture.
WORD_FONT = re.compile(r"material-(?:icons|symbols)(?:-\w+)?|mat-icon|mat-ligature-font|google-symbols")
WORD_TAGS = words("mat-icon md-icon")
WORD = re.compile(r"[a-z][a-z0-9_]*")
LONGEST = 40  # characters of an icon's word
# Classes of texts that only screen readers read, such as "sort by this column".
FOR_READERS = re.compile(
    r"(?:.*[-_])?(?:sr-only|visually-?hidden|screen-?reader(?:-text|-only)?|show-for-sr|element-invisible)"
)
NOT_SHOWN = re.compile(r"display:\s*none|visibility:\s*hidden", re.IGNORECASE)


def is_icon(element: Any) -> bool:
    """Return whether the text of an element is an icon, or is hidden by aria-hidden and has no digit."""
    text = (element.text or "").strip()
    if not 0 < len(text) <= LONGEST or len(element):
        return False
    if is_only_icons(text):
        return True
    if element.get("aria-hidden") == "true":
        return not any(char.isdigit() for char in text)
    classes = (element.get("class") or "").split()
    has_font = element.tag in WORD_TAGS or any(map(WORD_FONT.fullmatch, classes))
    return has_font and WORD.fullmatch(text) is not None


def is_only_icons(text: str) -> bool:
    """Return whether a text consists of private-use characters and arrows."""
    return bool(text.strip()) and not without_icons(text).strip(ARROWS + " ")


def without_icons(text: str) -> str:
    """Return the text without private-use characters, and without white space around it."""
    return PRIVATE.sub("", text).strip()


def icons_in(text: str) -> str:
    """Return the private-use characters of a text, each once."""
    return "".join(dict.fromkeys(PRIVATE.findall(text)))


def is_hidden(element: Any) -> bool:
    """Return whether an element says by its attributes that it is not shown."""
    return (
        element.get("aria-hidden") == "true"
        or element.get("hidden") is not None
        or NOT_SHOWN.search(element.get("style") or "") is not None
        or any(map(FOR_READERS.fullmatch, (element.get("class") or "").split()))
    )


def shown_text(element: Any) -> str:
    """Return the text of a header, a label or a link without icons, arrows around it and hidden parts."""
    text = _without_marks("".join(_texts(element, with_hidden=False)))
    return text or _without_marks("".join(_texts(element, with_hidden=True)))


def _without_marks(text: str) -> str:
    return " ".join(without_icons(text).strip(ARROWS + " ").split())


def _texts(element: Any, *, with_hidden: bool) -> Iterator[str]:
    """Yield the texts of an element that no icon has."""
    walker = etree.iterwalk(element, events=("start", "end", "comment"))
    for event, node in walker:
        if event == "start":
            if is_hidden(node) and not with_hidden:
                walker.skip_subtree()
            elif not is_icon(node):
                yield node.text or ""
        elif node is not element:
            yield node.tail or ""
