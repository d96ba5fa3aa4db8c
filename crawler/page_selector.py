"""A selector of elements of a page, as renderers read it: an XPath or a CSS selector, by its beginning."""

from __future__ import annotations

import re

from cssselect import HTMLTranslator, SelectorError
from lxml import etree

IS_XPATH = ("/", "./", "(")


def fault_of(selector: str) -> str | None:
    """Return why a text is no XPath or no CSS selector; None if it is one, or if only a browser knows."""
    if selector.startswith(IS_XPATH):
        try:
            etree.XPath(selector)(etree.Element("x"))
        except etree.XPathError as error:
            return str(error)
        return None
    try:
        HTMLTranslator().css_to_xpath(selector)
    except SelectorError as error:
        why = re.sub(r"got <EOF at \d+>", "but the text ends", str(error))
        return f"{why} (an XPath begins with /, ./ or a bracket)"
    return None
