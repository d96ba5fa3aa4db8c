"""The spider of the site of many hosts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from scrapy import Request
from scrapy.http import JsonResponse

from models import Base
from spiders.base import SiteSpider
from tests.workers.tables import HostPage, HostTag

for _model in (HostPage, HostTag):
    Base.metadata._add_table(_model.__tablename__, None, _model.table())


class MarkWorker:
    """Says in each request which process makes it."""

    def process_request(self, request: Request) -> None:
        request.headers["X-Worker"] = str(os.getpid())


class HostsSpider(SiteSpider):
    name = "hosts"
    model = HostPage
    custom_settings: ClassVar[dict[str, Any]] = {
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "DOWNLOADER_MIDDLEWARES": {MarkWorker: 1},
        "MAX_REJECTED_SHARE": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 2,
    }

    async def start(self) -> AsyncIterator[Any]:
        yield Request(os.environ["HOSTS_URL"] + "/0", self.parse_page)

    def parse_page(self, response: JsonResponse) -> Iterator[Any]:
        page = response.json()
        yield HostPage.item(host=page["host"], number=page["number"], title=page["title"])
        yield HostTag.item(name=page["tag"], text=f"{page['tag']}, the same", last_host=page["host"])
        if page["number"] % 13 == 5:
            yield HostPage.item(host=page["host"], number=page["number"], title="too long" * 50)
        for url in page["links"]:
            yield Request(url, self.parse_page)
