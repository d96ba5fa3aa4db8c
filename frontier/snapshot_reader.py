"""A spider of today reads a page that was kept: callback and item pipelines as in a crawl, and no way to any site."""

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

from crawler.kept_page import KeptPage
from crawler.page import Commit, Page
from crawler.reading import Reading
from frontier.output import through
from frontier.request_json import decode

# Nothing is opened, started or listened to, and no reactor is there that could connect to anything.
OFFLINE = {
    "EXTENSIONS": {},
    "EXTENSIONS_BASE": {},
    "ADDONS": {},
    "RENDERER_ENABLED": False,
    "RUN_ENABLED": False,
    "TWISTED_REACTOR_ENABLED": False,
}
HIDDEN = "***"  # what a run's record has in place of an argument that may be a password


class OfflineSpider:
    """Open it in a running event loop: ``async with OfflineSpider(settings, "books", {}) as spider``.

    Raises:
        KeyError: there is no spider of that name.
    """

    def __init__(self, settings: Settings, name: str, arguments: Mapping[str, Any]) -> None:
        own = settings.copy()
        for setting, value in OFFLINE.items():
            own.set(setting, value, priority="cmdline")
        self.crawler = Crawler(get_spider_loader(own).load(name), own)
        given = {key: value for key, value in arguments.items() if value != HIDDEN}
        # What Crawler.crawl() begins with; what it goes on with is the engine, which we do without.
        self.spider = self.crawler.spider = self.crawler._create_spider(**given)
        self.crawler._apply_settings()
        processor = load_object(self.crawler.settings["ITEM_PROCESSOR"])
        self.items: Any = build_from_crawler(processor, self.crawler)

    async def __aenter__(self) -> Self:
        await self.items.open_spider_async()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.items.close_spider_async()

    async def read(self, kept: KeptPage) -> Reading:
        """What the page gives today."""
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
        except Exception as error:  # whatever a callback may raise
            page.fail(f"{type(error).__name__}: {error}")
            page.exhausted()
        settled = next((commit.settled for commit in commits if commit.settled), None)
        return Reading(
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
