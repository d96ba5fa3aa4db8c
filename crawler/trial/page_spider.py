"""A spider of one page, for commands that look at a page that no spider of the project reads yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request, Spider
from scrapy.http import Response
from scrapy.utils.misc import load_object

BASE = "spiders.base.SiteSpider"  # of a higher room
QUIET = 1.0  # seconds without a request, after which the page is taken


def page_spider(url: str, *, rendered: bool) -> type[Spider]:
    """Return a spider class that requests this page and yields nothing."""
    base: Any = load_object(BASE)

    class PageSpider(base):  # type: ignore[misc]
        name = "page"

        async def start(self) -> AsyncIterator[Request]:
            if rendered:
                scripts = self.settings.getbool("SPLASH_SCRIPTS", True)
                yield self.render(url, self.parse, **({"quiet": QUIET} if scripts else {}))
            else:
                yield Request(url, self.parse)

        def parse(self, response: Response) -> None:
            """Read nothing."""

    return PageSpider
