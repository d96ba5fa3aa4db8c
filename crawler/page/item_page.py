"""The page of each item. Scrapy does not tell its pipelines, so the page is noted by the item's ``id()``."""

from __future__ import annotations

from typing import Any

from crawler.page.page import Page

# The item is here as well, so that no other object gets its id. A list, because a spider may yield one object twice.
_pages: dict[int, list[tuple[Any, Page]]] = {}


def note_item(item: Any, page: Page) -> None:
    """Note the page of an item that goes to the pipelines."""
    page.begun()
    _pages.setdefault(id(item), []).append((item, page))


def take_page(item: Any) -> Page | None:
    """Return the page of an item that arrives at the pipelines, or None. The caller calls ``page.ended()``."""
    noted = _pages.get(id(item))
    if not noted:
        return None
    _, page = noted.pop(0)
    if not noted:
        del _pages[id(item)]
    return page
