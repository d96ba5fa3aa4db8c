"""What becomes of a request that failed: its page keeps the reason, and the spider's own errback is called."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.asyncgen import as_async_generator
from scrapy.utils.defer import ensure_awaitable
from scrapy.utils.misc import arg_to_iter
from twisted.python.failure import Failure

from crawler.log_ids import current_request
from crawler.page import Page
from crawler.splash.rendered import NeverAppeared
from frontier.output import through

GONE_STATUSES = (404, 410)  # the site says that there is no such page: nothing to try again


class Errback:
    """Stands in for a request's errback, since Scrapy tells nobody else when a request has none."""

    def __init__(self, original: Callable[..., Any] | None, page: Page) -> None:
        self.stored_as = original  # what frontier.request_json stores
        self.page = page

    def __call__(self, failure: Failure) -> Any:
        assert failure.value is not None
        current_request.set(self.page.number)
        note_failure(self.page, failure.value)
        if self.stored_as is None:
            self.page.exhausted()
            return failure
        return self._call(failure)

    async def _call(self, failure: Failure) -> AsyncIterator[Any]:
        assert self.stored_as is not None
        try:
            output = self.stored_as(failure)
            if isinstance(output, Failure):
                output.raiseException()
            if not hasattr(output, "__aiter__"):
                output = arg_to_iter(await ensure_awaitable(output))
            async for one in through(self.page, as_async_generator(output)):
                yield one
        except CloseSpider:
            raise
        except BaseException as error:
            if error is not failure.value:
                self.page.fail(f"the errback raised {type(error).__name__}: {error}")
            self.page.exhausted()
            raise


def note_failure(page: Page, error: BaseException) -> None:
    """Say on the page why it was not fetched: something to try again, or not to be fetched at all."""
    if isinstance(error, HttpError):
        page.status = error.response.status
        if page.status in GONE_STATUSES:
            page.skip(f"HTTP {page.status}")
        else:
            page.fail(f"HTTP {page.status}")
    elif type(error) is IgnoreRequest:  # its subclasses are others' failures: a render that failed
        page.skip(f"not requested: {error}" if str(error) else "not requested: a middleware said so")
    else:
        if isinstance(error, NeverAppeared):
            page.never_appeared = True
            if error.response is not None:
                page.came(error.response)
        page.fail(f"{type(error).__name__}: {error}")
