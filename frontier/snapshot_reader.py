"""A spider parses page snapshots: callback and item pipelines as in a crawl, without a connection to any site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.settings import Settings
from scrapy.spiderloader import get_spider_loader
from scrapy.utils.asyncgen import as_async_generator
from scrapy.utils.defer import ensure_awaitable
from scrapy.utils.misc import arg_to_iter, build_from_crawler, load_object
from scrapy.utils.reactor import is_reactor_installed

from crawler.page.commit import Commit
from crawler.page.page import Page
from crawler.page.parse_result import ParseResult
from crawler.run.interfaces import ItemProcessor, SavedPage
from crawler.spider.arguments import note_arguments
from frontier.page_output import through
from frontier.request_json import decode
from models.redaction import HIDDEN

# No extension starts, no port is open, and no reactor can connect to anything.
OFFLINE = {
    "EXTENSIONS": {},
    "EXTENSIONS_BASE": {},
    "ADDONS": {},
    "RENDERER_ENABLED": False,
    "RUN_ENABLED": False,
}


class OfflineSpider:
    """Open it in a running event loop: ``async with OfflineSpider(settings, "books", {}) as spider``.

    Raises:
        KeyError: there is no spider of that name.
    """

    def __init__(self, settings: Settings, name: str, arguments: Mapping[str, Any]) -> None:
        own = settings.copy()
        for setting, value in OFFLINE.items():
            own.set(setting, value, priority="cmdline")
        # After a crawl of this process there is a reactor, which does not run.
        own.set("TWISTED_REACTOR_ENABLED", is_reactor_installed(), priority="cmdline")
        self.crawler = Crawler(get_spider_loader(own).load(name), own)
        given = {key: value for key, value in arguments.items() if value != HIDDEN}
        note_arguments(self.crawler, (), given)
        # The first steps of Crawler.crawl(). The steps after them make the engine, which is not needed here.
        self.spider = self.crawler.spider = self.crawler._create_spider(**given)
        self.crawler._apply_settings()
        processor = load_object(self.crawler.settings["ITEM_PROCESSOR"])
        self.items: ItemProcessor = build_from_crawler(processor, self.crawler)

    async def __aenter__(self) -> Self:
        await self.items.open_spider_async()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.items.close_spider_async()

    async def read(self, kept: SavedPage) -> ParseResult:
        """Parse the page with the callback and the item pipelines of today."""
        commits: list[Commit] = []
        links: list[str] = []
        page = Page(0, kept.url, commits.append)
        try:
            request = decode(kept.request, self.spider)
            response = kept.response(request)
            callback: Any = request.callback or self.spider._parse
            output = callback(response, **request.cb_kwargs)
            if not hasattr(output, "__aiter__"):
                output = arg_to_iter(await ensure_awaitable(output))
            async for one in through(page, as_async_generator(output)):
                if isinstance(one, Request):
                    links.append(one.url)
                    page.ended()
                elif one is not None:
                    await self._process(one, page)
        except Exception as error:  # a callback may raise any class
            page.fail(f"{type(error).__name__}: {error}")
            page.exhausted()
        settled = next((commit.settled for commit in commits if commit.settled), None)
        return ParseResult(
            rows=tuple(row for commit in commits for row in commit.rows),
            rejections=tuple(rejection for commit in commits for rejection in commit.rejections),
            links=tuple(links),
            error=page.error if settled else "its items did not come out of the pipelines",
        )

    async def _process(self, item: Any, page: Page) -> None:
        try:
            await self.items.process_item_async(item)
        except DropItem:
            pass  # rejected, which is on the page, or dropped on purpose
        except Exception as error:
            if not page.wrongs:
                page.fail(f"a pipeline raised {type(error).__name__}: {error}")
