"""Spiders for crash tests: the shop's books by its API, without rendering, so that a kill meets many pages.

Each request that leaves is noted in the file CRASH_LOG. With CRASH_POISON some pages fail. CRASH_AT,
for instance ``before commit 17``, has the process kill itself there, which no kill from outside would meet so well.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

from scrapy import FormRequest, Request, Spider
from scrapy.http import Response
from sqlalchemy import Engine, event

from models import Book
from spiders.base import SiteSpider
from tests.frontier.crash_tree import CrashNode


class NoteRequests:
    def process_request(self, request: Request) -> None:
        with Path(os.environ["CRASH_LOG"]).open("a") as log:
            log.write(f"{request.method} {request.url}\n")


class Crashes:
    """What both spiders do."""

    model = Book
    settings: Any
    custom_settings: ClassVar[dict[str, Any]] = {
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "OUTBOX_ENABLED": True,
        "LOG_LEVEL": "WARNING",
        "DOWNLOADER_MIDDLEWARES": {NoteRequests: 1},
        "DATABASE_BATCH_ROWS": 40,
        "FRONTIER_WINDOW": 100,
        "MAX_FAILED_SHARE": 1,
        "MAX_REJECTED_SHARE": 1,
    }

    @property
    def site(self) -> str:
        return str(self.settings["DEMO_URL"])

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.site}/api/books?page=1", self.parse_list, dont_filter=True)
        for category in ("a", "b", "c"):
            yield FormRequest(f"{self.site}/echo", formdata={"c": category}, callback=self.parse_echo)

    def parse_echo(self, response: Response) -> Iterator[Any]:
        for page in range(1, 9):
            yield Request(f"{self.site}/api/quotes?page={page}", self.parse_nothing, dont_filter=True)

    def parse_nothing(self, response: Response) -> None:
        pass

    def parse_list(self, response: Response) -> Iterator[Any]:
        part = response.json()  # type: ignore[attr-defined]
        for carried, book in self.carried(part):
            yield Request(f"{self.site}/api/books/{book['sku']}", self.parse_book, cb_kwargs=carried)
        if part["page"] < part["pages"]:
            yield Request(f"{self.site}/api/books?page={part['page'] + 1}", self.parse_list)
        yield Request(f"{self.site}/missing/{part['page']}", self.parse_nothing)

    def carried(self, part: Any) -> Iterator[tuple[dict[str, Any], Any]]:
        """What the requests for the books of a list carry."""
        for book in part["books"]:
            yield {"sku": book["sku"]}, book

    def parse_book(self, response: Response, sku: str, node: Any = None) -> Iterator[Any]:
        if node is not None:
            yield node
        book = response.json()  # type: ignore[attr-defined]
        number = int("".join(filter(str.isdigit, sku)) or 0)
        book["url"] = f"/books/{sku}"
        yield book
        if os.environ.get("CRASH_POISON"):
            if number % 10 == 3:
                yield {**book, "sku": f"{sku}-x", "price": "a lot"}
            if number % 50 == 4:
                raise RuntimeError(f"cannot read {sku}")


class CrashSpider(Crashes, SiteSpider):
    name = "crash"


class PlainCrashSpider(Crashes, Spider):
    """A plain Scrapy spider whose base class never hears of its argument; its requests carry items of another table."""

    name = "crash_plain"

    def __init__(self, shop: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.shop = shop

    def carried(self, part: Any) -> Iterator[tuple[dict[str, Any], Any]]:
        before = None
        for book in part["books"]:
            yield {"sku": book["sku"], "node": CrashNode.item(sku=book["sku"], before=before)}, book
            before = book["sku"]


def _crash(when: str) -> None:
    where, _, number = when.rpartition(" ")
    left = [int(number)]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if where == "before commit":
        event.listen(Engine, "commit", count)
    else:  # "after commit": the connection goes back to the pool
        event.listen(Engine, "begin", count)


if "CRASH_AT" in os.environ:
    _crash(os.environ["CRASH_AT"])
