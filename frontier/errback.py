"""The errback of every request: it notes the reason on the page and calls the spider's own errback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider, IgnoreRequest, ResponseDataLossError
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.asyncgen import as_async_generator
from scrapy.utils.defer import ensure_awaitable
from scrapy.utils.misc import arg_to_iter
from twisted.python.failure import Failure

from crawler.download.size_limits import is_too_large
from crawler.logs.run_ids import current_request
from crawler.meta_keys import MAKES_SESSION, YIELDED_BY
from crawler.page.completeness import CUT_OFF
from crawler.page.page import Page
from crawler.page.refusal import RefusedBySite
from crawler.splash.rendered_pages import NeverAppeared, RenderFailed
from frontier.page_output import through
from frontier.request_check import check_found

UNAUTHORIZED = 401
GONE_STATUSES = (404, 410)  # the site has no such page, so there is no second attempt


class Errback:
    """Replaces a request's errback. Without an errback Scrapy tells nobody that the request failed."""

    def __init__(self, original: Callable[..., Any] | None, page: Page, spider: Spider) -> None:
        self.stored_as = original  # what frontier.request_json stores
        self.page, self.spider = page, spider

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
            found = noting_lines(as_async_generator(output), output)
            if not self.page.answered:
                found = through(self.page, found, partial(check_found, spider=self.spider))
            # Where there was a response, the output goes through the spider middlewares, which note it on the page.
            async for one in found:
                yield one
        except CloseSpider:
            self.page.exhausted()
            raise
        except BaseException as error:
            if error is not failure.value:
                self.page.fail(f"the errback raised {type(error).__name__}: {error}")
            self.page.exhausted()
            raise


async def noting_lines(output: AsyncIterator[Any], generator: Any) -> AsyncIterator[Any]:
    """Yield the output; each request gets the generator that is at the line that yields it."""
    async for one in output:
        if isinstance(one, Request):
            YIELDED_BY.set(one, generator)
        yield one


def _of_login(error: HttpError) -> str:
    """Return what to check if the site answers a login with HTTP 401, else ""."""
    request = error.response.request
    if error.response.status != UNAUTHORIZED or request is None or not MAKES_SESSION.get(request):
        return ""
    return ": the site's answer to the login (log_in): check the name and the password"


def note_failure(page: Page, error: BaseException) -> None:
    """Note on the page why it was not fetched: it failed and is tried again, is refused by the site, or is skipped."""
    if isinstance(error, RefusedBySite):
        page.status = error.response.status
        page.refuse(error.refusal)
    elif isinstance(error, HttpError):
        page.status = error.response.status
        if page.status in GONE_STATUSES:
            page.skip(f"HTTP {page.status}")
        else:
            page.fail(f"HTTP {page.status}{_of_login(error)}")
    elif is_too_large(error):
        page.fail(": ".join(filter(None, ("larger than DOWNLOAD_MAXSIZE allows", str(error)))))
    elif type(error) is IgnoreRequest:  # its subclasses are failures: a render that failed
        page.skip(f"not requested: {error}" if str(error) else "not requested: a middleware said so")
    else:
        if isinstance(error, NeverAppeared):
            page.never_appeared = True
            if error.response is not None:
                page.came(error.response)
        said = error.reason if isinstance(error, RenderFailed) else str(error)
        said = said or (CUT_OFF if isinstance(error, ResponseDataLossError) else "")
        page.fail(f"{type(error).__name__}: {said}")
