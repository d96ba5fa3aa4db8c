"""The output of a callback, noted for a comparison; and a callback that runs once more without any effect."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

from scrapy import Request, Spider
from scrapy.http import Response
from scrapy.utils.asyncgen import as_async_generator
from scrapy.utils.defer import ensure_awaitable
from scrapy.utils.misc import arg_to_iter

from crawler.rendering.comparison import PageOutput, request_identity
from crawler.run.interfaces import CheckItem
from crawler.splash.request_mapping import (
    is_copy_of_splash_request,
    is_rendered,
    is_splash_request,
    rebuild_page_request,
    restore_page_request,
)

Callback = Callable[..., Any]


async def results_of(output: Any) -> AsyncIterator[Any]:
    """Yield what a callback of any kind returns."""
    if not hasattr(output, "__aiter__"):
        output = arg_to_iter(await ensure_awaitable(output))
    async for one in as_async_generator(output):
        yield one


def note_result(one: Any, output: PageOutput, spider: Spider, check_item: CheckItem) -> None:
    """Add an item or a request to the output that is compared."""
    if isinstance(one, Request):
        request = _page_request(one)
        arguments = dict(request.meta["splash"].get("args", {})) if is_rendered(request) else {}
        if arguments.get("url") == request.url:
            del arguments["url"]
        arguments = {"endpoint": request.meta["splash"].get("endpoint"), **arguments} if arguments else {}
        output.requests[request_identity(request, render_arguments=arguments)] = request.url
    elif one is not None:
        output.items.append(check_item(one, spider))


def _page_request(request: Request) -> Request:
    """Return the page's request, also for a copy of a request to Splash."""
    if is_splash_request(request):
        return restore_page_request(request)
    return rebuild_page_request(request) if is_copy_of_splash_request(request) else request


class SecondCall:
    """Calls the callback of a response once more. Nothing that it yields goes anywhere.

    It copies what the request carries before the first call, which may change it.

    Raises:
        Exception: the request carries something that cannot be copied.
    """

    def __init__(self, response: Response, callback: Callback, spider: Spider, check_item: CheckItem) -> None:
        assert response.request is not None
        request = response.request
        self._carried = copy.deepcopy(dict(request.meta)), copy.deepcopy(dict(request.cb_kwargs))
        self._request, self._callback = request, callback
        self._spider, self._check_item = spider, check_item

    async def output_for(self, response: Response) -> PageOutput:
        """Return the output of the callback for this response of the page."""
        meta, cb_kwargs = copy.deepcopy(self._carried)
        again = copy.copy(response)
        again.request = self._request.replace(meta=meta, cb_kwargs=cb_kwargs, callback=self._callback)
        if hasattr(again, "_cached_selector"):
            again._cached_selector = None  # the first call may have changed its tree
        output = PageOutput()
        try:
            async for one in results_of(self._callback(again, **cb_kwargs)):
                note_result(one, output, self._spider, self._check_item)
        except Exception as error:  # a callback may raise any class
            output.error = f"{type(error).__name__}: {error}"
        return output
