"""A spider for an Oscar shop, as a user of ours would write it: list pages, and a page for each product."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

from scrapy.http import Response
from sqlalchemy.orm import Mapped, mapped_column

from models import Row
from models.types import ExactNumeric, ExactString, LongText
from spiders.base import SiteSpider


class Product(Row):
    __tablename__ = "oscar_product"

    upc: Mapped[str] = mapped_column(ExactString(40), primary_key=True)
    title: Mapped[str] = mapped_column(ExactString(200))
    price: Mapped[Decimal] = mapped_column(ExactNumeric(10, 2), info={"decimal": "."})
    in_stock: Mapped[bool]
    description: Mapped[str | None] = mapped_column(LongText())


class ShopSpider(SiteSpider):
    name = "oscar"
    model = Product
    site = ""
    wait_timeout = 30.0

    async def start(self) -> AsyncIterator[Any]:
        yield self.render(f"{self.site}/catalogue/?page=1", self.parse_list, wait_for="article.product_pod")

    def parse_list(self, response: Response) -> Iterator[Any]:
        for href in response.css("article.product_pod h3 a::attr(href)").getall():
            yield self.render(response.urljoin(href), self.parse_product, wait_for="article.product_page")
        for href in response.xpath(
            "//ul[contains(@class, 'pagination')]//a[normalize-space()='next']/@href"
        ).getall():
            yield self.render(response.urljoin(href), self.parse_list, wait_for="article.product_pod")

    def parse_product(self, response: Response) -> Iterator[Any]:
        page = response.css("article.product_page")
        yield {
            "upc": page.xpath(".//th[.='UPC']/following-sibling::td/text()").get(),
            "title": page.css("h1::text").get(),
            "price": page.css("p.price_color::text").get(),
            "in_stock": bool(page.css("p.availability.instock, p.availability.available")),
            "description": page.xpath(
                "normalize-space(.//*[@id='product_description']/following-sibling::p)"
            ).get()
            or None,
        }
