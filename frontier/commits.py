"""Commits: pages on their way to the writer, and what follows when the writer has committed them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from scrapy.statscollectors import StatsCollector

from crawler.page.commit import Commit, Committed
from crawler.page.page import Page
from crawler.run.interfaces import PageWriter
from crawler.stat_names import PLAIN_PAGES, RENDERED_PAGES, RENDERING_PAGES, UNCHANGED_PAGES
from frontier.logins import Logins
from frontier.pages_in_progress import PagesInProgress
from frontier.window import host_of
from frontier.window_refill import WindowRefill
from models.rendering_lesson import Lesson
from models.request import DONE, FAILED, LEASED, REFUSED, NewRequest, Settled

logger = logging.getLogger("frontier.scheduler")

MOST_LOGGED = 3  # pages whose merged items are logged


class Commits:
    """Hands commits to the writer and counts in Scrapy's stats what the database made of them.

    ``page_closed`` is called with each page that is done, failed or skipped, before its commit is handed over,
    ``page_committed`` with its state after that commit, ``page_lost`` with a commit whose partition another worker has,
    and ``lesson_written`` with each lesson of adaptive rendering
    that is committed.

    Args:
        writer: returns the writer, which is there when the scheduler is open.
        login_failed: is called with the commit of a login that is not done.
        wake: makes the engine ask for requests again.
        host_settled: is called with the host of each page that is done, failed or refused.
    """

    def __init__(
        self,
        pages: PagesInProgress,
        logins: Logins,
        refill: WindowRefill,
        stats: StatsCollector,
        *,
        writer: Callable[[], PageWriter],
        login_failed: Callable[[Commit], None],
        wake: Callable[[], None],
        host_settled: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.uncommitted = 0
        self.page_closed: Callable[[Page], None] = lambda _: None
        self.page_committed: Callable[[Settled], None] = lambda _: None
        self.lesson_written: Callable[[Lesson], None] = lambda _: None
        self.page_lost: Callable[[Commit], None] = lambda _: None
        self.start_is_read = False  # all that start() yields is committed
        self._pages, self._logins, self._refill, self._stats = pages, logins, refill, stats
        self._writer, self._login_failed, self._wake = writer, login_failed, wake
        self._host_settled = host_settled
        self._merged_pages = 0

    def add(self, commit: Commit) -> None:
        """Hand a page, or a part of one, to the writer."""
        self.uncommitted += 1
        if commit.settled is not None:
            self._pages.take_back(commit.settled.number)
            page = self._pages.get(commit.settled.number)
            assert page is not None
            self._count_merged(page)
            self.page_closed(page)
        self._writer().put(commit, lambda committed: self._committed(commit, committed))

    def _committed(self, commit: Commit, committed: Committed) -> None:
        self.uncommitted -= 1
        if committed.lost:
            self.page_lost(commit)
            self._wake()
            return
        for request in commit.requests:
            self._stored(request, committed.states.get(request.number))
        if commit.settled is not None:
            self._pages.remove(commit.settled.number)
            self._stats.inc_value(f"pages/{commit.settled.state}")
            if commit.settled.state in (DONE, FAILED, REFUSED):
                self._count_page(commit)
            if commit.settled.rendering is not None:
                self._stats.inc_value(f"{RENDERING_PAGES}{commit.settled.rendering}")
            if commit.settled.unchanged is not None:
                self._stats.inc_value(f"{UNCHANGED_PAGES}{commit.settled.unchanged}")
            if self._logins.finish(commit.settled.number) and commit.settled.state != "done":
                self._login_failed(commit)
            self.page_committed(commit.settled)
        if commit.lesson is not None:
            self.lesson_written(commit.lesson)
        if committed.queued_again:
            self._refill.queued_again(committed.queued_again)
        if commit.start_read:
            self.start_is_read = True
        if committed.stored:
            self._stats.inc_value("rows/stored", committed.stored)
        if committed.rejected:
            self._stats.inc_value("rows/rejected", committed.rejected)
        for name, number in committed.changes.items():
            self._stats.inc_value(f"rows/{name}", number)
        self._refill.spill()
        self._wake()

    def _stored(self, new: NewRequest, state: str | None) -> None:
        login = self._logins.take_request(new.number)
        if state is None:  # the run has it already
            self._stats.inc_value("dupefilter/filtered")
            self._logins.finish(new.number)
        elif state == LEASED:
            self._refill.add_to_window(new, login)
        else:
            self._refill.add_to_table(new)

    def _count_page(self, commit: Commit) -> None:
        """Count how a page came, and for which host."""
        if commit.rendered is not None:
            self._stats.inc_value(RENDERED_PAGES if commit.rendered else PLAIN_PAGES)
        if host := host_of(commit.url or ""):
            self._host_settled(host)

    def _count_merged(self, page: Page) -> None:
        """Count the merged items of a page. The first pages are logged; the summary has the number of all."""
        if page.merged_row is None:
            return
        self._stats.inc_value("items/merged", page.merged)
        self._merged_pages += 1
        if self._merged_pages <= MOST_LOGGED:
            logger.warning(
                "%s: %d items had the key of another item of this page and were merged with it, for instance %s%s",
                page.url,
                page.merged,
                page.merged_row,
                "; there are more such pages" if self._merged_pages == MOST_LOGGED else "",
            )
