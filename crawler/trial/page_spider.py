"""A spider of one page, for commands that look at a page that no spider of the project reads yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scrapy import Request, Spider
from scrapy.http import Response
from scrapy.utils.misc import load_object
from twisted.python.failure import Failure

from crawler.splash.page_endpoint import ENDPOINT
from crawler.splash.rendered_pages import NeverAppeared
from crawler.splash.server_list import Servers

BASE = "spiders.base.SiteSpider"  # of a higher room
QUIET = 1.0  # seconds without a request, after which the page is taken
LONG_QUIET, LONG_WAIT = 4.0, 20.0  # of the second look: a page may ask for its list only after some seconds


@dataclass(frozen=True, kw_only=True)
class FollowingPage:
    """Where the next page of a list is: at a URL, or behind a button.

    Attributes:
        button, records: XPaths.
    """

    records: str
    url: str | None = None
    button: str | None = None


def page_spider(
    url: str,
    *,
    rendered: bool,
    wait_for: str | None,
    is_ready: Callable[[Response], bool],
    items_of: Callable[[Response], str | None],
    scrolled: Callable[[Response], None],
    following: Callable[[Response], FollowingPage | None],
    followed: Callable[[Response], None],
) -> type[Spider]:
    """Return a spider class that requests this page, yields nothing, and waits longer for a page that is not ready.

    A rendered page is scrolled to its end afterwards, because a list may have only the records that are in sight. Then
    its next page is requested, because the records of two pages say more than those of one.

    Args:
        wait_for: an element that the page must have; then there is no second look.
        is_ready: returns whether the page has what the command looks for.
        items_of: returns the XPath of the page's records; None: there is nothing to scroll for.
        scrolled: called with the page as it is after scrolling, if that came to an end.
        following: returns how the page's list goes on; None if it does not.
        followed: called with the next page and, if it is behind a button, with the page before.
    """
    base: Any = load_object(BASE)

    class PageSpider(base):  # type: ignore[misc]
        name = "page"

        async def start(self) -> AsyncIterator[Request]:
            if not rendered:
                yield Request(url, self.parse)
            elif wait_for is not None:
                yield self.render(url, self.parse, wait_for=wait_for)
            elif self.runs_scripts():
                retries = {"max_retry_times": 1}
                yield self.render(url, self.parse_first, errback=self.look_again, quiet=QUIET, meta=retries)
            else:
                yield self.render(url, self.parse)

        def runs_scripts(self) -> bool:
            return bool(self.settings.getbool("SPLASH_SCRIPTS", True))

        def parse_first(self, response: Response) -> Iterator[Request]:
            if not is_ready(response):
                yield self.second_look()
            else:
                yield from self.parse(response)

        def look_again(self, failure: Failure) -> Iterator[Request]:
            """Request a page whose network is never quiet as it is after its load event."""
            if isinstance(failure.value, NeverAppeared):
                yield self.render(url, self.parse, dont_filter=True)

        def second_look(self) -> Request:
            has_shadow_roots = all(ENDPOINT in one.additions for one in Servers.of(self.crawler).all)
            request: Request = self.render(
                url,
                self.parse,
                quiet=LONG_QUIET,
                timeout=LONG_WAIT,
                shadow_roots=has_shadow_roots,
                dont_filter=True,
                meta={"max_retry_times": 0},
            )
            return request

        def parse(self, response: Response) -> Iterator[Request]:
            """Scroll for records that are not in sight."""
            items = items_of(response)
            if rendered and items is not None and self.runs_scripts():
                yield self.render_scrolled(
                    response.url,
                    self.parse_scrolled,
                    items=items,
                    scroll_timeout=LONG_WAIT,
                    errback=self.ignore,
                    dont_filter=True,
                    meta={"max_retry_times": 0},
                )
            if (page := following(response)) is not None:
                yield from self.request_following(response, page)

        def request_following(self, response: Response, page: FollowingPage) -> Iterator[Request]:
            if page.url is not None and rendered:
                yield self.render(
                    page.url,
                    self.parse_followed,
                    wait_for=page.records if self.runs_scripts() else None,
                    errback=self.ignore,
                    dont_filter=True,
                    meta={"max_retry_times": 0},
                )
            elif page.url is not None:
                yield Request(page.url, self.parse_followed, errback=self.ignore, dont_filter=True)
            elif page.button is not None and rendered and self.runs_scripts():
                yield self.render_pages(
                    response.url,
                    self.parse_followed,
                    next_button=page.button,
                    wait_for=page.records,
                    max_pages=2,
                    errback=self.ignore,
                    dont_filter=True,
                    meta={"max_retry_times": 0},
                )

        def parse_scrolled(self, response: Response) -> None:
            scrolled(response)

        def parse_followed(self, response: Response) -> None:
            followed(response)

        def ignore(self, _failure: Failure) -> None:
            """Do without the scrolled page, which has no end within the time, or without the next page."""

    return PageSpider
