"""A customer's orders in the demo shop, after a login: -a username=... -a password=..."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy.http import Response

from models import Order
from spiders.base import SiteSpider


class OrdersSpider(SiteSpider):
    name = "orders"
    model = Order
    schedule = "5 * * * *"
    username = "demo"
    password = "demo"  # noqa: S105 - the demo shop prints it on its login page

    async def start(self) -> AsyncIterator[Any]:
        fields = {"username": self.username, "password": self.password}
        yield self.log_in(
            f"{self.settings['DEMO_URL']}/login", self.parse, fields=fields, logged_in="//tr[@class='order']"
        )

    def parse(self, response: Response) -> Iterator[Any]:
        for order in response.xpath("//tr[@class='order']"):
            yield {
                "number": order.xpath("string(.//*[@class='number'])").get(),
                "placed_at": order.xpath(".//time/@datetime").get(),
                "status": order.xpath("string(.//*[@class='status'])").get(),
                "customer": order.xpath("string(.//*[@class='customer'])").get(),
                "total": order.xpath("string(.//*[@class='total'])").get(),
                "note": order.xpath("string(.//*[@class='note'])").get(),
            }
        for href in response.xpath("//a[@rel='next']/@href").getall():
            yield self.render(response.urljoin(href), self.parse, wait_for="//tr[@class='order']")
