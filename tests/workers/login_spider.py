"""A spider that logs in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from scrapy import Request

from crawler.meta_keys import MAKES_SESSION
from spiders.base import SiteSpider


class LoginSpider(SiteSpider):
    name = "login"
    custom_settings: ClassVar[dict[str, Any]] = {"RENDERER_ENABLED": False, "ROBOTSTXT_OBEY": False}

    async def start(self) -> AsyncIterator[Any]:
        request = Request("http://127.0.0.1:9/login", self.parse)
        MAKES_SESSION.set(request, True)
        yield request
