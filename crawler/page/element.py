"""Whether a page has an element that an XPath or a CSS selector names."""

from __future__ import annotations

from typing import Any

from cssselect import SelectorError
from lxml import etree
from scrapy.http import TextResponse

from crawler.page_selector import IS_XPATH


def has_element(response: TextResponse, selector: str) -> bool:
    """Return whether the XPath or the CSS selector matches an element of the page.

    Raises:
        ValueError: it is neither.
    """
    select = response.xpath if selector.startswith(IS_XPATH) else response.css
    try:
        return bool(select(selector))
    except SelectorError as error:  # it is no ValueError, as that of an XPath is
        raise ValueError(f"{selector!r}: {error}") from None


def has_element_of_browser(response: TextResponse, selector: str) -> bool:
    """Return whether the selector matches an element that scripts of the page find, too.

    Elements in ``<template>`` and ``<noscript>`` are in the HTML, but a browser does not find them. For a selector that
    only a browser knows, the result is False.
    """
    select = response.xpath if selector.startswith(IS_XPATH) else response.css
    try:
        return any(_is_found(one.root) for one in select(selector))
    except (SelectorError, ValueError):
        return False


def _is_found(result: Any) -> bool:
    """Return whether a browser has the result of a selector, too: an element, a text, or a number or condition."""
    if not isinstance(result, etree._Element):
        return not isinstance(result, bool | float) or bool(result)
    return not any(
        one.tag == "noscript" or (one.tag == "template" and "shadowrootmode" not in one.attrib)
        for one in result.iterancestors()
    )
