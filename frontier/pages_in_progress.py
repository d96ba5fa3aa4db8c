"""The registry of the pages in progress: from the hand-out of the request until its page is committed."""

from __future__ import annotations

from scrapy import Request

from crawler.page.commit import Commit
from crawler.page.page import Page
from crawler.splash.request_mapping import page_url
from frontier.window import QueuedRequest, Window

ORPHAN_SECONDS = 10.0
FIRST = 2**62  # the position of a request that comes before others


class PagesInProgress:
    """The pages by the numbers of their requests, and the requests that Scrapy has now."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._pages: dict[int, Page] = {}
        self._under_way: dict[int, QueuedRequest] = {}
        self._orphaned_since: float | None = None

    def __len__(self) -> int:
        return len(self._pages)

    def __contains__(self, number: int) -> bool:
        return number in self._pages

    @property
    def in_flight(self) -> int:
        """How many requests are being downloaded, or have a callback that runs."""
        return len(self._under_way)

    def get(self, number: int) -> Page | None:
        """Return the page of the request with this number; None if it is not in progress."""
        return self._pages.get(number)

    def add(self, page: Page) -> None:
        """Register the page of a request that is handed out.

        It may replace the page of an earlier tenure: this worker has lost the partition and taken it again.
        """
        assert page.number is not None
        self.take_back(page.number)
        self._pages[page.number] = page

    def hand_out(self, queued: QueuedRequest) -> None:
        """Note that Scrapy has the request."""
        self._under_way[queued.number] = queued

    def take_back(self, number: int) -> QueuedRequest | None:
        """Note that Scrapy has the request no more, and return its entry; None if Scrapy did not have it."""
        queued = self._under_way.pop(number, None)
        if queued is not None:
            self._window.finished(queued)
        return queued

    def queue_again(self, number: int, request: Request, *, first: bool = False) -> None:
        """Queue what a page's request became: a retry, a redirect, a request to the renderer. Its entry stays.

        Args:
            first: it comes before other requests of its priority.
        """
        before = self.take_back(number)
        tenure = self._pages[number].tenure
        self._window.add(
            QueuedRequest(
                priority=request.priority,
                position=FIRST if first else before.position if before else number,
                number=number,
                url=page_url(request),
                text=None,
                request=request,
                part=tenure.part if tenure is not None else 0,
            )
        )

    def remove(self, number: int) -> None:
        """Forget a page that is committed."""
        self._pages.pop(number, None)

    def drop(self, number: int) -> None:
        """Forget a page whose partition another worker has now."""
        self.take_back(number)
        self.remove(number)

    def has(self, commit: Commit) -> bool:
        """Return whether the page of a commit is in progress, and no page of a later tenure has replaced it."""
        page = self._pages.get(commit.number) if commit.number is not None else None
        return page is not None and page.tenure == commit.tenure

    def parts(self) -> set[int]:
        """Return the partitions of the pages in progress, in a shared run."""
        return {page.tenure.part for page in self._pages.values() if page.tenure is not None}

    def abandon_orphans(self, now: float, *, nothing_moves: bool) -> None:
        """Fail the pages whose requests a signal handler or a middleware dropped: nothing else will settle them.

        Args:
            now: the seconds of a monotonic clock.
            nothing_moves: nothing is queued in memory, downloaded, processed or committed. Pages that are in progress
                all the same for ORPHAN_SECONDS are orphans.
        """
        if not self._pages or not nothing_moves:
            self._orphaned_since = None
        elif self._orphaned_since is None:
            self._orphaned_since = now
        elif now - self._orphaned_since > ORPHAN_SECONDS:
            for page in list(self._pages.values()):
                page.abandoned()
