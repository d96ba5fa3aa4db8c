"""The requests that log in. All other requests wait until the session is made."""

from __future__ import annotations

from scrapy import Request

from frontier.window import QueuedRequest, Window

MOST_PUT_ASIDE = 1000  # requests that one search for a login takes out of the window


class Logins:
    """The requests of this process that make a session and are not done yet.

    The table has no text of a login, because it may hold a password. Until its row is committed, the request is here.
    """

    def __init__(self) -> None:
        self.remakes_sessions = False  # the run is resumed, and start() logs in again
        self.any = False  # the spider has made a session, or will make one
        self._pending: set[int] = set()
        self._uncommitted: dict[int, Request] = {}

    def add(self, number: int, request: Request) -> None:
        """Note a new login, which is not committed yet."""
        self.any = True
        self._pending.add(number)
        self._uncommitted[number] = request

    def take_request(self, number: int) -> Request | None:
        """Remove and return the login whose row is committed; None if the number is not that of a login."""
        return self._uncommitted.pop(number, None)

    def finish(self, number: int) -> bool:
        """Return whether the request is a pending login, and note that it is pending no more."""
        if number not in self._pending:
            return False
        self._pending.remove(number)
        return True

    def others_wait(self, *, start_page_closed: bool) -> bool:
        """Return whether no other request may be made now: a login is pending, or start() may still yield one."""
        return bool(self._pending) or (self.remakes_sessions and not start_page_closed)

    def pop_from(self, window: Window, *, start_page_closed: bool) -> QueuedRequest | None:
        """Remove the request that is made next from the window and return it; None if there is none now."""
        if not self.others_wait(start_page_closed=start_page_closed):
            return window.pop()
        put_aside: list[QueuedRequest] = []
        found = None
        while (queued := window.pop()) is not None:
            if queued.number in self._pending:
                found = queued
                break
            window.finished(queued)
            put_aside.append(queued)
            if len(put_aside) > MOST_PUT_ASIDE:
                break
        for queued in put_aside:
            window.add(queued)
        return found
