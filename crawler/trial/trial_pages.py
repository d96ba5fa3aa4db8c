"""The pages of a trial: their HTML in files, and the end of the trial after so many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response, TextResponse
from scrapy.http.request import NO_CALLBACK

from crawler.meta_keys import RENDER
from crawler.splash.request_mapping import page_url

WAIT, SCROLL = "wait_for", "scroll"  # render scripts
ENOUGH = "trial_pages"  # the reason with which a trial closes its spider


@dataclass(frozen=True, kw_only=True)
class TrialPage:
    """A page of a trial, and the file with its HTML.

    Attributes:
        requested: the URL that was requested, if the page has another one: after a redirect or by its script.
        encoding: of the file; None if the answer is no text.
        has_steps: the spider's script did more than wait for the page, such as scroll.
        is_scrolled: it is from ``render_scrolled``.
    """

    url: str
    requested: str | None = None
    status: int
    file: Path
    encoding: str | None = None
    has_steps: bool = False
    is_scrolled: bool = False

    @property
    def name(self) -> str:
        """The URL that was requested, and that of the page if it is another one."""
        return self.url if self.requested is None else f"{self.requested} (now {self.url})"


@dataclass(kw_only=True)
class TrialPages:
    """Saves each page that a callback gets, and closes the spider after ``most`` pages."""

    folder: Path
    most: int
    pages: list[TrialPage] = field(default_factory=list)
    first: Response | None = None
    last: Response | None = None
    _closing: asyncio.Task[None] | None = None

    def watch(self, crawler: Crawler) -> None:
        """Receive the pages of this crawl."""

        def save(response: Response) -> None:
            is_page = response.request is not None and response.request.callback is not NO_CALLBACK
            if (
                not is_page or len(self.pages) >= self.most
            ):  # robots.txt has no callback, wherever it redirects to
                return
            if response.status < 400:
                self.first, self.last = self.first or response, response
            file = self.folder / f"{len(self.pages) + 1}.html"
            file.write_bytes(response.body)
            assert response.request is not None
            requested = page_url(response.request)
            page = TrialPage(
                url=response.url,
                requested=requested if requested != response.url else None,
                status=response.status,
                file=file,
                encoding=response.encoding if isinstance(response, TextResponse) else None,
                has_steps=_script(response.request) != WAIT,
                is_scrolled=_script(response.request) == SCROLL,
            )
            self.pages.append(page)
            if len(self.pages) == self.most and crawler.engine is not None:
                closing = crawler.engine.close_spider_async(reason=ENOUGH)  # after the pages in flight
                self._closing = asyncio.get_running_loop().create_task(closing)

        self._save = save  # the signal has only a weak reference
        crawler.signals.connect(save, signals.response_received)


def prefer_later_callbacks(crawler: Crawler) -> Callable[[Request], None]:
    """Let pages of a callback come before those of callbacks that were named earlier: a record before the next list.

    Returns:
        the receiver of the signal, which has only a weak reference to it.
    """
    order: dict[str, int] = {}

    def prefer(request: Request) -> None:
        name = getattr(request.callback, "__name__", "parse")
        request.priority = max(request.priority, order.setdefault(name, len(order)))

    crawler.signals.connect(prefer, signals.request_scheduled)
    return prefer


def _script(request: Request) -> str:
    """Return the name of the page's render script."""
    name: str = RENDER.get(request, {}).get("script", WAIT)
    return name
