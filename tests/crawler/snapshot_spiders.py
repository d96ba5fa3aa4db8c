"""Spiders with a fault that the environment variable PATCHED turns off. Most request the demo site's first page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import FormRequest, Request
from scrapy.http import Response

from models import Quote
from spiders.base import SiteSpider


def is_fixed() -> bool:
    """Return whether the spiders have no fault."""
    return bool(os.environ.get("PATCHED"))


class PlainSpider(SiteSpider):
    model = Quote
    custom_settings = {  # noqa: RUF012
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "CONCURRENT_REQUESTS": 1,
    }

    def page(self, said: str, **request: Any) -> Request:
        return Request(f"{self.settings['DEMO_URL']}/?{said}", **request)

    def parse(self, response: Response) -> Any:
        pass


def quote(number: int | str) -> dict[str, Any]:
    return {"quote_id": number, "body": "b", "author": "a", "tags": None}


class RaisesSpider(PlainSpider):
    """A list whose callback raises after its first item; with UNFINISHED the run stays unfinished."""

    name = "raises"

    async def start(self) -> AsyncIterator[Any]:
        headers = {"Authorization": "Basic c2VjcmV0LWhlYWRlcg==", "Cookie": "a=secret-cookie"}
        yield self.page(
            "list",
            callback=self.parse_list,
            headers=headers,
            cookies={"b": "secret-jar"},
            cb_kwargs={"first": 7},
        )
        if os.environ.get("UNFINISHED") and not is_fixed():
            raise RuntimeError("the list of shops is empty")

    def parse_list(self, response: Response, first: int) -> Iterator[Any]:
        yield quote(first)
        if not is_fixed():
            raise RuntimeError("no such button")
        yield quote(first + 1)
        yield self.page("next")


class PartlySpider(PlainSpider):
    """A page with a valid item, one that the fixed spider yields right, and one that stays invalid."""

    name = "partly"

    async def start(self) -> AsyncIterator[Any]:
        yield self.page("list", callback=self.parse_list)

    def parse_list(self, response: Response) -> Iterator[Any]:
        yield quote(1)
        yield quote(2) | {"author": "a" if is_fixed() else ""}
        yield quote(3) | {"author": ""}


class SessionSpider(PlainSpider):
    """A login whose callback raises."""

    name = "session"

    async def start(self) -> AsyncIterator[Any]:
        site = self.settings["DEMO_URL"]
        fields = {"username": "demo", "password": "demo"}
        yield FormRequest(f"{site}/login", formdata=fields, callback=self.fails, meta={"makes_session": True})

    def fails(self, response: Response) -> None:
        raise RuntimeError("who am I?")


class ManyBadSpider(PlainSpider):
    """Twenty pages, one after the other; every third callback raises, the others yield an invalid item."""

    name = "many_bad"

    async def start(self) -> AsyncIterator[Any]:
        for number in range(20):
            yield self.page(str(number), cb_kwargs={"number": number}, callback=self.parse_one)

    def parse_one(self, response: Response, number: int) -> Iterator[Any]:
        if number % 3 == 0:
            raise RuntimeError("every third")
        yield quote(number) | {"author": ""}


class NeverSpider(SiteSpider):
    """Two pages without the element of wait_for; the first has it under another class."""

    name = "never"
    model = Quote
    custom_settings = {"ROBOTSTXT_OBEY": False, "RETRY_TIMES": 0}  # noqa: RUF012

    async def start(self) -> AsyncIterator[Any]:
        site = self.settings["DEMO_URL"]
        yield self.render(f"{site}/quotes", self.parse, wait_for=".quotation", timeout=3)
        yield self.render(f"{site}/never", self.parse, wait_for=".quotation", timeout=1)

    def parse(self, response: Response) -> Iterator[Any]:
        for one in response.css(".quote" if is_fixed() else ".quotation"):
            yield quote(one.attrib["data-id"])


class EmptySpider(PlainSpider):
    """A callback that yields nothing on four pages; with PATCHED it yields a row on the last one."""

    name = "empty"

    async def start(self) -> AsyncIterator[Any]:
        for number in range(4):
            yield self.page(str(number), callback=self.parse_list, cb_kwargs={"number": number})

    def parse_list(self, response: Response, number: int) -> Iterator[Any]:
        if is_fixed() and number == 3:
            yield quote(number)
