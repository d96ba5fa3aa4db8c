"""Which page an item came from. Scrapy does not tell its pipelines, so it is noted by the item's identity."""

from __future__ import annotations

from typing import Any

from crawler.page import Page

# The item is here as well, so that its id is nobody else's; a list, for a spider may yield one object repeatedly.
_pages: dict[int, list[tuple[Any, Page]]] = {}


def note_item(item: Any, page: Page) -> None:
    """The item is about to be given to the pipelines."""
    page.begun()
    _pages.setdefault(id(item), []).append((item, page))


def take_page(item: Any) -> Page | None:
    """The page of an item that arrives at the pipelines; ``page.ended()`` is the caller's to say."""
    noted = _pages.get(id(item))
    if not noted:
        return None
    _, page = noted.pop(0)
    if not noted:
        del _pages[id(item)]
    return page
