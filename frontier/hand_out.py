"""The hand-out: a queued request becomes a request of Scrapy with an open page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from scrapy import Request, Spider

from crawler.meta_keys import REQUEST_NUMBER, TENURE_OWNER
from crawler.page.commit import Commit
from crawler.page.page import Page
from crawler.page.snapshot_policy import SnapshotPolicy
from frontier.errback import Errback
from frontier.pages_in_progress import PagesInProgress
from frontier.request_json import decode
from frontier.typed_json import NotJson
from frontier.window import QueuedRequest, Window
from models.worker import Tenure

logger = logging.getLogger("frontier.scheduler")


class HandOut:
    """Opens the pages of queued requests.

    Args:
        commit: is called with each commit of the pages.
        snapshot_policy: returns how a page is saved if it has a fault, by its request's number and JSON.
        begun: is called with the number of each page that is opened, logins excepted.
        tenure_of: returns the tenure of a partition, in a shared run.
    """

    def __init__(
        self,
        pages: PagesInProgress,
        window: Window,
        *,
        commit: Callable[[Commit], None],
        snapshot_policy: Callable[[int, str], SnapshotPolicy | None],
        begun: Callable[[int], None] = lambda _: None,
        tenure_of: Callable[[int], Tenure | None] = lambda _: None,
    ) -> None:
        self._pages, self._window, self._tenure_of = pages, window, tenure_of
        self._commit, self._snapshot_policy, self._begun = commit, snapshot_policy, begun
        # The callbacks of before. Scrapy remembers, as long as a method lives, that it has read its source for a
        # ``return`` in a generator. A method lives as long as its requests, so for each page it read the source again.
        self._callbacks: dict[Any, Any] = {}

    def request_of(self, queued: QueuedRequest, spider: Spider) -> Request | None:
        """Return the request; None if its JSON cannot be read: then its page fails."""
        if (
            queued.request is not None and queued.number in self._pages
        ):  # a retry or a redirect: the page is open
            self._pages.hand_out(queued)
            return queued.request
        page = Page(queued.number, queued.url, self._commit)
        page.tenure = self._tenure_of(queued.part)
        self._pages.add(page)
        if queued.request is None:
            self._begun(queued.number)
        page.request_text = queued.text
        if queued.text is not None:  # a login has none; its snapshot would have a password
            page.snapshot_policy = self._snapshot_policy(queued.number, queued.text)
        try:
            request = queued.request or decode(queued.text or "", spider)
        except NotJson as error:
            logger.error("%s", error)
            self._window.finished(queued)
            page.fail(str(error))
            page.exhausted()
            return None
        self._pages.hand_out(queued)
        REQUEST_NUMBER.set(request, queued.number)
        if page.tenure is not None:
            TENURE_OWNER.set(request, page.tenure.owner)
        if queued.request is None and request.callback is not None:
            request.callback = self._callbacks.setdefault(request.callback, request.callback)
        request.errback = Errback(request.errback, page, spider)
        return request
