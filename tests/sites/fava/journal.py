"""A spider for fava, a Svelte application in one ES module, as a user of ours would write it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from scrapy.http import Response
from sqlalchemy.orm import Mapped, mapped_column

from models import Row
from models.types import ExactNumeric, ExactString
from spiders.base import SiteSpider


class Purchase(Row):
    __tablename__ = "fava_purchase"

    entry: Mapped[str] = mapped_column(ExactString(64), primary_key=True)
    day: Mapped[date]
    payee: Mapped[str] = mapped_column(ExactString(100))
    narration: Mapped[str] = mapped_column(ExactString(200))
    account: Mapped[str] = mapped_column(ExactString(100))
    amount: Mapped[Decimal] = mapped_column(ExactNumeric(12, 2))


class JournalSpider(SiteSpider):
    name = "journal"
    model = Purchase
    site = ""

    def __init__(self, *args: Any, patience: str = "40", **arguments: Any) -> None:
        super().__init__(*args, patience=patience, **arguments)
        self.wait_timeout = float(
            patience
        )  # a page with plotly.js takes seconds, and the machine may be busy

    async def start(self) -> AsyncIterator[Any]:
        yield self.render(
            f"{self.site}/household/journal/", self.parse, wait_for="//li[contains(@class, 'transaction')]"
        )

    def parse(self, response: Response) -> Iterator[Any]:
        for entry in response.xpath("//li[contains(@class, 'transaction')]"):
            description = entry.xpath("p/span[@class='description']")
            posting = entry.xpath("ul[@class='postings']/li[1]/p")
            yield {
                "entry": entry.xpath("substring-after(p/span[@class='datecell']/a/@href, '#context-')").get(),
                "day": entry.xpath("string(p/span[@class='datecell']/a)").get(),
                "payee": description.xpath("string(strong[@class='payee'])").get(),
                "narration": "".join(description.xpath("text()").getall()),
                "account": posting.xpath("string(span[@class='description'])").get("").strip(),
                "amount": posting.xpath("string(span[@class='num'][1])").get("").removesuffix(" EUR"),
            }
