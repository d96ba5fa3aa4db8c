"""Whether a page has an element that an XPath or a CSS selector names."""

from __future__ import annotations

from cssselect import SelectorError
from scrapy.http import TextResponse


def has_element(response: TextResponse, selector: str) -> bool:
    """Return whether the XPath or the CSS selector matches an element of the page.

    Raises:
        ValueError: it is neither.
    """
    select = response.xpath if selector.startswith(("/", "./", "(")) else response.css
    try:
        return bool(select(selector))
    except SelectorError as error:  # it is no ValueError, as that of an XPath is
        raise ValueError(f"{selector!r}: {error}") from None
