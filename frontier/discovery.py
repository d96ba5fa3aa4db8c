"""New requests: each gets an identity, a number and its JSON, and goes to the page that it was found on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from scrapy import Request, Spider
from scrapy.statscollectors import StatsCollector

from crawler.meta_keys import DELAY, MAKES_SESSION, REQUEST_NUMBER, REQUEST_TEXT
from crawler.page.page import Page
from frontier.logins import Logins
from frontier.request_check import check_request
from frontier.request_identity import RequestIdentities
from frontier.typed_json import NotJson
from models.request import NewRequest

logger = logging.getLogger("frontier.scheduler")


class Discovery:
    """Puts new requests on their pages, and drops duplicates.

    Args:
        lifo: the requests of a page that come later are made first, as Scrapy does by default.
        part_of: returns the partition of a request, in a shared run.
    """

    def __init__(
        self,
        identities: RequestIdentities,
        logins: Logins,
        stats: StatsCollector,
        *,
        lifo: bool,
        part_of: Callable[[Request], int] = lambda _: 0,
    ) -> None:
        self.next_number = 0
        self.first_number = 0  # of this process
        self._part_of = part_of
        self._identities, self._logins, self._stats, self._lifo = identities, logins, stats, lifo

    def begin_at(self, number: int) -> None:
        """Give the next request this number: the numbers below are those of other workers."""
        self.next_number = self.first_number = number

    def add(self, request: Request, page: Page, spider: Spider) -> bool:
        """Put the request on the page that it was found on. Return False if it is a duplicate or has no JSON."""
        identity = self._identities.identity_of(request, page)
        if not self._identities.is_new(identity):
            self._stats.inc_value("dupefilter/filtered")
            return False
        is_login = bool(MAKES_SESSION.get(request))
        try:
            if not REQUEST_TEXT.is_in(request):
                check_request(request, spider)
            text = REQUEST_TEXT.pop(request)
        except NotJson as error:
            # The middleware refuses what spiders yield, so this came from elsewhere: an errback, an extension.
            logger.error("cannot be stored, so it is not requested: %s", error)
            page.fail(str(error))
            return False
        number = self.next_number
        self.next_number += 1
        if is_login:
            REQUEST_NUMBER.set(request, number)
            self._logins.add(number, request)
        # Requests of start() come in their order, and after all others.
        later_first = self._lifo and page.number is not None
        order = number - self.first_number
        page.discover(
            NewRequest(
                number=number,
                identity=identity,
                url=request.url,
                request=text,
                priority=request.priority,
                position=order if later_first else -order,
                part=self._part_of(request),
                depth=int(request.meta.get("depth", 0)),
                parent=page.number,
                not_before=_not_before(request),
            )
        )
        self._stats.inc_value("scheduler/enqueued")
        return True


def _not_before(request: Request) -> datetime | None:
    delay = DELAY.get(request)
    return datetime.now(UTC) + timedelta(seconds=float(delay)) if delay else None
