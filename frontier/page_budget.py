"""The pages that a trial may crawl: which of them are begun, and when it has crawled all of them."""

from __future__ import annotations

from models.request import SKIPPED, Settled


class PageBudget:
    """Counts the pages of a crawl.

    A page counts from the hand-out of its request. Retries, redirects and requests to a renderer belong to their page.
    A request that was skipped before it went to the site (robots.txt, off-site) does not count, and neither does a
    login.

    Args:
        limit: how many pages may be crawled; None: all.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._begun: set[int] = set()
        self._ended = 0

    @property
    def may_begin(self) -> bool:
        """Whether another page may be begun now."""
        return self.limit is None or self._ended + len(self._begun) < self.limit

    @property
    def is_spent(self) -> bool:
        """Whether all pages are crawled and committed."""
        return self.limit is not None and self._ended >= self.limit

    def begin(self, number: int) -> None:
        """Note that the request with this number is handed out."""
        if self.limit is not None:
            self._begun.add(number)

    def end(self, settled: Settled) -> None:
        """Note that a page is committed."""
        if settled.number in self._begun:
            self._begun.remove(settled.number)
            self._ended += not (settled.state == SKIPPED and settled.status is None)
