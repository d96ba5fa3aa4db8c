"""Spiders for tests of delta crawls: each page of a DeltaSite says in JSON which items and pages it has."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import scrapy
from scrapy import Request
from scrapy.http import Response
from scrapy.spiders import SitemapSpider
from sqlalchemy import Engine, event

from models import Book, Quote

SETTINGS = {
    "RENDERER_ENABLED": False,
    "ROBOTSTXT_OBEY": False,
    "RETRY_TIMES": 0,
    "LOG_LEVEL": "INFO",
    "GONE_LIMIT": 1,
    "MAX_REJECTED_SHARE": 1,
    "MAX_FAILED_SHARE": 1,
    "DATABASE_BATCH_ROWS": 20,
}


class Reads:
    model = Quote
    custom_settings: ClassVar[dict[str, Any]] = SETTINGS
    settings: Any

    def parse(self, response: Response, list_number: int = 0) -> Iterator[Any]:
        page = response.json()  # type: ignore[attr-defined]
        for item in page.get("items", []):
            yield Book.item(**item) if "sku" in item else item
        for number, path in enumerate(page.get("pages", [])):
            link = page.get("links", {}).get(path, {})
            yield Request(
                response.urljoin(path),
                self.parse,
                cb_kwargs={"list_number": number} if page.get("numbered") else {},
                meta=link,
            )
        if page.get("broken"):
            raise RuntimeError("this page cannot be read")


class CatalogueSpider(Reads, scrapy.Spider):
    name = "catalogue"

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.settings['DEMO_URL']}/start")


class MappedSpider(Reads, SitemapSpider):
    name = "mapped"

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{self.settings['DEMO_URL']}/sitemap.xml", self._parse_sitemap)


class HookedSpider(CatalogueSpider):
    """Its hook answers as the file HOOK_FILE says."""

    name = "hooked"

    def changed_since(self, url: str, since: datetime) -> Any:
        assert since.tzinfo is not None
        answers = json.loads(Path(os.environ["HOOK_FILE"]).read_text())
        answer = answers.get(url.removeprefix(self.settings["DEMO_URL"]))
        if answer == "raise":
            raise LookupError("no list of changes")
        return answer


class ListedSpider(CatalogueSpider):
    """It reads the site's list of changes, the file HOOK_FILE, in start()."""

    name = "listed"
    changes: frozenset[str] = frozenset()

    async def start(self) -> AsyncIterator[Any]:
        self.read_list()
        async for one in super().start():
            yield one

    def read_list(self) -> None:
        self.changes = frozenset(json.loads(Path(os.environ["HOOK_FILE"]).read_text()))

    def changed_since(self, url: str, since: datetime) -> bool:
        return url.removeprefix(self.settings["DEMO_URL"]) in self.changes


class ListedApartSpider(ListedSpider):
    """It reads the list where each process does."""

    name = "listed_apart"
    start = CatalogueSpider.start

    async def read_changes(self) -> None:
        self.read_list()


if "KILL_AT_COMMIT" in os.environ:
    left = [int(os.environ["KILL_AT_COMMIT"])]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", count)
