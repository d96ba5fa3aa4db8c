"""A spider whose pages are all rendered; the dates of its pages are those of a sitemap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy.http import Response

from spiders.books import BooksSpider

LONG_AGO = "2020-01-01"


class DatedBooksSpider(BooksSpider):
    """It renders a list of books twice, and the first three books of it. The first book is rendered at each crawl."""

    name = "dated_books"
    custom_settings = {"LOG_LEVEL": "INFO", "GONE_LIMIT": 1}  # noqa: RUF012

    async def start(self) -> AsyncIterator[Any]:
        yield self.render(f"{self.settings['DEMO_URL']}/books?page=1", self.parse_start, wait_for="//article")

    def parse_start(self, response: Response) -> Iterator[Any]:
        yield self.render(
            f"{self.settings['DEMO_URL']}/books?page=2",
            self.parse_list,
            wait_for="//article",
            meta={"lastmod": LONG_AGO},
        )

    def parse_list(self, response: Response) -> Iterator[Any]:
        links = response.xpath("//article//h3/a/@href").getall()[:3]
        for number, href in enumerate(links):
            yield self.render(
                response.urljoin(href),
                self.parse_book,
                wait_for="//article/h1",
                meta={"lastmod": LONG_AGO} if number else {"delta": False},
            )
