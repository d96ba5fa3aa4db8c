"""A spider that begins at a URL of the command line, in place of its own first page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request, Spider

from crawler.run.stopping import CannotStart
from crawler.splash.request_mapping import is_rendered


def starting_at(spider: type[Spider], url: str, callback: str | None) -> type[Spider]:
    """Return a spider class with one start request: the first one of the spider, with this URL and callback.

    Raises:
        CannotStart: the spider has no such callback.
    """
    if callback is not None and not callable(getattr(spider, callback, None)):
        raise CannotStart(f"{spider.name} has no callback {callback}")
    if "://" not in url:
        raise CannotStart(f"{url} is no URL: write https://...")

    class Trial(spider):  # type: ignore[misc,valid-type]
        async def _first_callback(self) -> Any:
            """Return the callback of the first page: with it the URL is requested as that page is."""
            async for one in super().start():
                if isinstance(one, Request):
                    return one.callback
            return None

        async def start(self) -> AsyncIterator[Any]:
            if callback is not None and callback != getattr(await self._first_callback(), "__name__", None):
                render = getattr(self, "render", None)
                yield (render or Request)(url, getattr(self, callback))
                return
            async for one in super().start():
                if isinstance(one, Request):
                    function = getattr(self, callback) if callback is not None else one.callback
                    begins = one.replace(url=url, callback=function)
                    if is_rendered(begins) and "url" in begins.meta["splash"].get("args", {}):
                        options = begins.meta["splash"]
                        begins.meta["splash"] = {**options, "args": {**options["args"], "url": url}}
                    yield begins
                    return

    Trial.__name__, Trial.__qualname__, Trial.__module__ = (
        spider.__name__,
        spider.__qualname__,
        spider.__module__,
    )
    return Trial
