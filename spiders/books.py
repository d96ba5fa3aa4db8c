"""The demo shop's books: list pages, and one page for each book with its reviews."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy.http import Response

from models import Book
from spiders.base import SiteSpider


class BooksSpider(SiteSpider):
    name = "books"
    model = Book
    schedule = "15 3 * * *"

    async def start(self) -> AsyncIterator[Any]:
        yield self.render(f"{self.settings['DEMO_URL']}/books?page=1", self.parse_list, wait_for="//article")

    def parse_list(self, response: Response) -> Iterator[Any]:
        for href in response.xpath("//article//h3/a/@href").getall():
            yield self.render(response.urljoin(href), self.parse_book, wait_for="//article/h1")
        for href in response.xpath("//a[@rel='next']/@href").getall():
            yield self.render(response.urljoin(href), self.parse_list, wait_for="//article")

    def parse_book(self, response: Response) -> Iterator[Any]:
        book = response.xpath("//article")
        stock = book.xpath("string(.//*[@class='stock'])").get("")
        yield {
            "sku": book.xpath("@data-sku").get(),
            "title": book.xpath("string(h1)").get(),
            "author": book.xpath("string(.//*[@class='author'])").get(),
            "category": book.xpath("string(.//*[@class='category'])").get(),
            "price": book.xpath("string(.//*[@class='price'])").get(),
            "stock": 0 if stock == "Out of stock" else stock,
            "rating": book.xpath(
                "substring-before(.//*[contains(@class, 'star-rating')]/@aria-label, ' ')"
            ).get(),
            "published": book.xpath("string(.//time[@class='published'])").get(),
            "description": book.xpath("string(.//*[@class='description'])").get(),
            "url": response.url,
            "reviews": [
                {
                    "reviewer": review.xpath("string(.//*[@class='reviewer'])").get(),
                    "stars": review.xpath("substring-before(.//*[@class='stars'], '/')").get(),
                    "body": review.xpath("string(.//*[@class='body'])").get(),
                    "posted": review.xpath(".//time/@datetime").get(),
                }
                for review in book.xpath(".//li[@class='review']")
            ],
        }
