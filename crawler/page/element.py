"""Whether a page has an element that an XPath or a CSS selector names."""

from __future__ import annotations

from scrapy.http import TextResponse


def has_element(response: TextResponse, selector: str) -> bool:
    """Return whether the XPath or the CSS selector matches an element of the page.

    Raises:
        ValueError: it is neither.
    """
    select = response.xpath if selector.startswith(("/", "./", "(")) else response.css
    return bool(select(selector))
