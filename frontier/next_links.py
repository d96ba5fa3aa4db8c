"""Whether a page of a list requested another page of the list, and not the one that its next link leads to."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from scrapy import Request, Spider
from scrapy.http import Response, TextResponse
from scrapy.utils.response import get_base_url

from crawler.page.page import Page
from crawler.suggestion.next_page import next_link_left


class ListRequests:
    """Collects the requests of a callback that have this callback, too: those to other pages of its list."""

    def __init__(self, page: Page | None, response: Response, spider: Spider | None) -> None:
        self._page, self._response, self._spider = page, response, spider
        self._callback = self._callback_of(response.request)
        self._urls: list[str] = []

    def add(self, one: Any) -> None:
        """Note a result of the callback."""
        if self._page is not None and isinstance(one, Request) and self._callback_of(one) == self._callback:
            self._urls.append(one.url)

    def end(self) -> None:
        """Note on the page that its next link was left out. A page that requests no page of its list is no list."""
        if not self._urls or self._page is None or not isinstance(self._response, TextResponse):
            return
        # The callback has read the page. A <base> that is no URL must not fail it here.
        with suppress(ValueError):
            root, base = self._response.selector.root, get_base_url(self._response)
            if hasattr(root, "iter"):  # no JSON
                self._page.next_left = next_link_left(root, self._response.url, base, self._urls)

    def _callback_of(self, request: Request | None) -> Any:
        callback = request.callback if request is not None else None
        return callback or getattr(self._spider, "parse", None)
