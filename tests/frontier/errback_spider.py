"""A spider whose requests fail in every way, with errbacks of every kind; each yields quotes of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from models import Order, Quote
from spiders.base import SiteSpider


def quote(number: int) -> dict[str, Any]:
    return {"quote_id": number, "body": "b", "author": "a"}


class Ignores:
    def process_request(self, request: Request) -> None:
        if request.url.endswith("/ignored"):
            raise IgnoreRequest("not today")


class Recovers:
    """A spider middleware that yields something in place of an exception."""

    def process_spider_exception(self, response: Response, exception: Exception) -> Iterable[Any] | None:
        if isinstance(exception, LookupError):
            return [quote(90), Request(response.urljoin("/after-recovery"))]
        return None


class ErrbackSpider(SiteSpider):
    name = "errbacks"
    model = Quote
    custom_settings = {  # noqa: RUF012
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "RETRY_TIMES": 0,
        "DOWNLOADER_MIDDLEWARES": {Ignores: 1},
        "SPIDER_MIDDLEWARES": {Recovers: 500},
        "CONCURRENT_REQUESTS_PER_DOMAIN": 32,
        "CONCURRENT_REQUESTS": 32,
        "MAX_FAILED_SHARE": 1,
        "MAX_REJECTED_SHARE": 1,
    }

    async def start(self) -> AsyncIterator[Any]:
        site = self.settings["DEMO_URL"]
        yield Request(f"{site}/held")
        for kind in (
            "yields",
            "yields_async",
            "returns_later",
            "returns_list",
            "returns_one",
            "returns_none",
        ):
            yield Request(f"{site}/missing/{kind}", errback=getattr(self, kind))
        for kind in ("yields_nothing", "raises", "raises_later", "gives_back", "follows", "not_storable"):
            yield Request(f"{site}/missing/{kind}", errback=getattr(self, kind))
        yield Request(f"{site}/missing/none")
        yield Request("http://no-such-host.invalid/", errback=self.yields, cb_kwargs={"number": 20})
        yield Request("http://127.0.0.1:9/", errback=self.yields_async, cb_kwargs={"number": 21})
        yield Request(
            f"{site}/slow", errback=self.follows, cb_kwargs={"number": 22}, meta={"download_timeout": 0.5}
        )
        yield Request(f"{site}/ignored", errback=self.returns_later, cb_kwargs={"number": 23})
        yield Request(f"{site}/page", self.raises_in_callback)
        yield Request(f"{site}/page?text", self.raises_text)
        order = Order.item(
            number="A1", placed_at="2026-01-02T03:04:05Z", status="paid", customer="c", total="1.50"
        )
        yield Request(f"{site}/page?carried", self.parse_carried, cb_kwargs={"item": order})

    def parse(self, response: Response) -> None:
        pass

    def parse_carried(self, response: Response, item: Any) -> Iterator[Any]:
        yield item

    def raises_in_callback(self, response: Response) -> Iterator[Any]:
        yield quote(91)
        raise LookupError("is there nothing?")

    def raises_text(self, response: Response) -> Iterator[Any]:
        yield quote(92) | {"body": "nul \x00", "tags": "\ud800"}
        raise ValueError("nul \x00 and half \ud800 a character")

    def yields(self, failure: Any) -> Iterator[Any]:
        yield quote(failure.request.cb_kwargs.get("number", 1))

    async def yields_async(self, failure: Any) -> AsyncIterator[Any]:
        yield quote(failure.request.cb_kwargs.get("number", 2))

    async def returns_later(self, failure: Any) -> list[Any]:
        return [quote(failure.request.cb_kwargs.get("number", 3))]

    def returns_list(self, failure: Any) -> list[Any]:
        return [quote(4), quote(5)]

    def returns_one(self, failure: Any) -> dict[str, Any]:
        return quote(6)

    def returns_none(self, failure: Any) -> None:
        pass

    def yields_nothing(self, failure: Any) -> Iterator[Any]:
        yield from ()

    def raises(self, failure: Any) -> None:
        raise RuntimeError("no way out")

    def raises_later(self, failure: Any) -> Iterator[Any]:
        yield quote(7)
        raise RuntimeError("too late")

    def gives_back(self, failure: Any) -> Any:
        return failure

    def follows(self, failure: Any) -> Iterator[Any]:
        number = failure.request.cb_kwargs.get("number", 8)
        yield quote(number)
        yield Request(f"{self.settings['DEMO_URL']}/followed/{number}")

    def not_storable(self, failure: Any) -> Iterator[Any]:
        yield quote(9)
        yield Request(f"{self.settings['DEMO_URL']}/never", meta={"bad": object()})
