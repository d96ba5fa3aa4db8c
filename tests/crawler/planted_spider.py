"""A spider that gets secrets in every possible way, sends them, and fails with errors that have them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import scrapy
from scrapy.http import Response
from scrapy_splash import SplashRequest

from models import Quote
from spiders.base import SiteSpider

PLANTED: dict[str, str] = json.loads(os.environ.get("PLANTED", "{}"))


class PlantedSpider(SiteSpider):
    name = "planted"
    model = Quote
    custom_settings = {"RETRY_TIMES": 0, "COOKIES_DEBUG": True, "ROBOTSTXT_OBEY": False}  # noqa: RUF012

    async def start(self) -> AsyncIterator[Any]:
        site, host = self.settings["SITE"], self.settings["SITE"].partition("://")[2]
        sent = {
            "Authorization": f"Bearer {PLANTED['bearer']}",
            "X-Api-Key": PLANTED["header"],
            "Cookie": f"given={PLANTED['header_cookie']}",
        }
        self.logger.warning("these are sent: %s", sent)
        yield scrapy.Request(
            f"{site}/list?page=1&token={PLANTED['argument']}&passenger=1#access_token={PLANTED['fragment']}",
            headers=sent,
            cookies={"sid": PLANTED["cookie"]},
            cb_kwargs={"session": PLANTED["cb_kwargs"]},
            meta={"my_auth": PLANTED["meta"]},
        )
        yield scrapy.Request(f"http://me:{PLANTED['userinfo']}@{host}/rejected", self.parse_rejected)
        proxy = f"http://me:{PLANTED['proxy']}@{host}"
        yield scrapy.Request(f"{site}/raises?pwd={PLANTED['pwd']}", self.parse_raises, meta={"proxy": proxy})
        yield scrapy.Request(f"{site}/missing?sig={PLANTED['missing']}&jwt={PLANTED['jwt']}")
        yield SplashRequest(
            f"{site}/rendered?api_key={PLANTED['rendered']}",
            self.parse_rejected,
            endpoint="render.html",
            args={"headers": {"Authorization": f"Basic {PLANTED['basic']}"}, "pin": PLANTED["pin"]},
        )

    def parse(self, response: Response, session: str) -> Iterator[Any]:
        assert session == PLANTED["cb_kwargs"]
        yield {"quote_id": 1, "body": "b", "author": "a"}
        yield response.follow(f"/next?key={PLANTED['followed']}", self.parse_next)

    def parse_next(self, response: Response) -> Iterator[Any]:
        yield {"quote_id": 2, "body": "b", "author": "a"}

    def parse_rejected(self, response: Response) -> Iterator[Any]:
        yield {"quote_id": 3, "body": "b", "author": None}

    def parse_raises(self, response: Response) -> Iterator[Any]:
        raise ValueError(
            f"no login as me with {self.password}: {response.url}, {response.request.headers}, "  # type: ignore[attr-defined, union-attr]
            f"password={PLANTED['raised']}, token {PLANTED['jwt']}"
        )
