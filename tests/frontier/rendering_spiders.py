"""Spiders for tests of adaptive rendering: they read the items of a RenderingSite by ``render()``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any, ClassVar

from scrapy.http import Response

from models import Quote
from spiders.base import SiteSpider

SETTINGS: dict[str, Any] = {
    "LOG_LEVEL": "INFO",
    "ROBOTSTXT_OBEY": False,
    "GONE_LIMIT": 1,
    "MAX_REJECTED_SHARE": 1,
    "MAX_FAILED_SHARE": 1,
    "RETRY_TIMES": 0,
    "HOST_BACKOFF_LIMIT": 0,
    "RENDERING": "auto",
    "RENDERING_CHECK_SHARE": 0,
}


class ItemsSpider(SiteSpider):
    name = "items"
    model = Quote
    wait_timeout = 5
    element: ClassVar[str | None] = "article"
    custom_settings: ClassVar[dict[str, Any]] = SETTINGS

    async def start(self) -> AsyncIterator[Any]:
        yield self.render(
            f"{self.settings['DEMO_URL']}/list", self.parse_list, wait_for="#list li", rendering="always"
        )

    def parse_list(self, response: Response) -> Iterator[Any]:
        for href in response.css("#list a::attr(href)").getall():
            yield self.render(
                response.urljoin(href), self.parse_item, wait_for=self.element, **self.options()
            )

    def options(self) -> dict[str, Any]:
        return {}

    def parse_item(self, response: Response) -> Iterator[Any]:
        for article in response.css("article"):
            yield self.row(article)

    def row(self, article: Any) -> dict[str, Any]:
        return {
            "quote_id": article.attrib["data-id"],
            "body": article.css("p::text").get(),
            "author": article.css("b::text").get(""),
            "tags": article.css("i::text").get(),
        }


class WithoutElementSpider(ItemsSpider):
    """It waits for nothing, so an empty page is a page."""

    name = "without_element"
    element = None


class ImpureSpider(ItemsSpider):
    """Its rows depend on the number of calls."""

    name = "impure"
    calls = count()

    def row(self, article: Any) -> dict[str, Any]:
        return {**super().row(article), "tags": f"call {next(self.calls)}"}


class NeverSpider(ItemsSpider):
    name = "never"

    def options(self) -> dict[str, Any]:
        return {"rendering": "never"}


class AsyncSpider(ItemsSpider):
    """Its callback is a coroutine that returns a list."""

    name = "coroutine"

    async def parse_item(self, response: Response) -> list[Any]:  # type: ignore[override]
        return [self.row(article) for article in response.css("article")]


class DataSpider(ItemsSpider):
    """Its callback needs more of the renderer than HTML."""

    name = "data"

    def parse_item(self, response: Response) -> Iterator[Any]:
        assert response.data["html"]  # type: ignore[attr-defined]
        yield from super().parse_item(response)
