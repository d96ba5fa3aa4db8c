"""The button of a list's next page: no link, so that a spider has to click it (``render_pages``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree, html

from crawler.suggestion.groups import is_menu, is_pager
from crawler.suggestion.xpath_text import has_text, literal

NEXT = re.compile(r"^(?:(?:go to )?(?:the )?next(?: page)?|older|›|»|>|>>|❯|→)$", re.IGNORECASE)
MORE = re.compile(r"^(?:more|load more|show more)$", re.IGNORECASE)
# A link that leads nowhere is a button.
BUTTONS = (
    "//button | //*[@role='button'] | //input[@type='button' or @type='submit']"
    " | //a[not(@href) or starts-with(@href, '#') or starts-with(@href, 'javascript:')]"
)
HIDDEN = re.compile(
    r"(?:^|\s)(?:ag|is)-hidden(?:\s|$)"
)  # others, such as "hidden md:flex", hide it on small screens
OFF = re.compile(r"(?:^|[\s-])disabled(?:\s|$)")
WORDS = ("aria-label", "title", "value")


@dataclass(frozen=True, kw_only=True)
class NextButton:
    """A button that leads to more records.

    Attributes:
        words: on it, or that it has for screen readers.
        xpath: of the button; None if no words of its own tell it from others.
        adds_records: it adds records to the list, and does not replace them.
    """

    words: str
    xpath: str | None
    adds_records: bool


def next_button(page: str) -> NextButton | None:
    """Return the first button that leads to more records; None if the page has none."""
    try:
        tree = html.fromstring(page)
    except (etree.ParserError, ValueError):
        return None
    for button in tree.xpath(BUTTONS):
        if _is_off(button) or _opens_a_part(button):
            continue
        for raw, condition in _names(button):
            words = " ".join((raw or "").split())
            if NEXT.match(words) or (MORE.match(words) and not _is_in_menu(button)):
                xpath = f"//{button.tag}[{condition}]" if button.tag.isalnum() else None
                is_first = xpath is not None and tree.xpath(xpath)[:1] == [button]
                return NextButton(
                    words=words,
                    xpath=xpath if is_first else None,
                    adds_records=MORE.match(words) is not None,
                )
    return None


def _names(button: Any) -> Iterator[tuple[str | None, str]]:
    """Yield the texts that may name a button, each with the condition of an XPath that finds it by this text."""
    for name in WORDS:
        text = button.get(name)
        yield text, f"@{name}={literal(text or '')}"
    text = " ".join("".join(button.itertext()).split())
    yield text, has_text(text)
    around = button.getparent()  # of Ant Design: <li title="Next Page"><button>
    if around is not None and around.tag == "li" and len(around) == 1:
        text = around.get("title")
        yield text, f"parent::li[@title={literal(text or '')}]"


def _opens_a_part(button: Any) -> bool:
    """Return whether a button is a tab, or opens a menu or another part of the page."""
    if button.get("aria-expanded") is not None or button.get("aria-haspopup", "false") != "false":
        return True
    return any(one.get("role") in ("tab", "tablist") for one in (button, *button.iterancestors()))


def _is_in_menu(button: Any) -> bool:
    """Return whether a button is in a menu, a sidebar, a header or a footer, which is no pager."""
    around = list(button.iterancestors())
    if any(map(is_pager, around)):
        return False
    return any(is_menu(one) and one.tag != "form" and not _is_half(one) for one in around)


def _is_half(element: Any) -> bool:
    """Return whether an element has half of the page's text: a folder of that size is no menu."""
    page = element.getroottree().getroot()
    return bool(2 * len(element.text_content()) > len(page.text_content()))


def _is_off(button: Any) -> bool:
    """Return whether a button is disabled or hidden: a grid may have the buttons of pages that it does not use."""
    near = [button] if button.getparent() is None else [button, button.getparent()]
    if button.get("disabled") is not None or any(
        one.get("aria-disabled") == "true" or OFF.search(one.get("class") or "") for one in near
    ):
        return True
    around = (button, *button.iterancestors())
    return any(one.get("hidden") is not None or HIDDEN.search(one.get("class") or "") for one in around)
