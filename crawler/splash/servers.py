"""The renderers at SPLASH_URL, one or several: whose turn it is, and which of them rests because it failed."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Self
from weakref import WeakKeyDictionary

from scrapy import Request
from scrapy.crawler import Crawler
from w3lib.http import basic_auth_header

from crawler.splash.credentials import without_userinfo

DEFAULT_URL = "http://127.0.0.1:8050"  # scrapy-splash's own
DEFAULT_PATIENCE = 60.0

# Seconds of rest: the first one, doubled with each failure in a row, more or less at random, up to the longest. While
# every server rests the crawl stands still, so they are looked at more often.
FIRST_REST = 0.5
LONGEST_REST = 30.0
LONGEST_REST_OF_ALL = 2.0
JITTER = 0.25


class Server:
    """A renderer, as the crawl knows it: well, resting after a failure, or on trial with one page after a rest."""

    def __init__(self, url: str, auth: bytes | None = None) -> None:
        """``url`` is without credentials, ``auth`` the Authorization header that it asks for."""
        self.url, self.auth = f"{url.rstrip('/')}/", auth
        self.failures = 0  # in a row, since the last page that came back
        self.reason = ""  # of the last failure
        self.resting = False
        self.turn = 0
        self.failed_at = float("-inf")
        # The requests that it has now, with the time since when. Weak: a middleware of somebody's may swallow one.
        self.under_way: WeakKeyDictionary[Request, float] = WeakKeyDictionary()

    @property
    def is_well(self) -> bool:
        return not self.failures

    @property
    def takes_pages(self) -> bool:
        return self.is_well or (not self.resting and not self.under_way)


class Servers:
    """Which server gets the next page, and what became of the last ones."""

    def __init__(
        self,
        servers: Iterable[Server],
        *,
        patience: float = DEFAULT_PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``patience`` is in seconds, for which no server may have answered before they count as lost."""
        self.all = list(servers)
        self.patience = patience
        self.clock = clock
        self.turns = 0
        self.none_since: float | None = None  # since when none of them is well

    @classmethod
    def of(cls, crawler: Crawler) -> Self:
        """The crawl's servers, as its settings name them when they are first asked for."""
        if crawler not in _KNOWN:
            settings = crawler.settings
            user, password = settings.get("SPLASH_USER") or "", settings.get("SPLASH_PASS") or ""
            auth = basic_auth_header(user, password) if user or password else None
            _KNOWN[crawler] = cls(
                servers_at(settings.get("SPLASH_URL") or DEFAULT_URL, auth),
                patience=settings.getfloat("RENDERER_PATIENCE", DEFAULT_PATIENCE),
            )
        return _KNOWN[crawler]  # type: ignore[return-value]

    def next(self) -> Server:
        """The server that has the fewest pages now; of those, whose last turn is the longest ago.

        One that rests only if they all do: its page waits for it.
        """
        return self._turn_of([server for server in self.all if server.takes_pages] or self.all)

    def _turn_of(self, servers: list[Server]) -> Server:
        self.turns += 1
        server = min(servers, key=lambda server: (len(server.under_way), server.turn))
        server.turn = self.turns
        return server

    def at(self, url: str) -> Server | None:
        """The server that answers at this URL; None if it is none of ours."""
        found = (server for server in self.all if f"{url.rstrip('/')}/".startswith(server.url))
        return max(found, key=lambda server: len(server.url), default=None)

    def began(self, server: Server, request: Request) -> None:
        server.under_way[request] = self.clock()

    def answered(self, server: Server, request: Request) -> bool:
        """A page came back; gives whether the server had failed before."""
        server.under_way.pop(request, None)
        recovered = not server.is_well
        self.is_there(server)
        return recovered

    def is_there(self, server: Server) -> None:
        server.failures, server.resting = 0, False
        self.none_since = None

    def failed(self, server: Server, reason: str, request: Request | None = None) -> bool:
        """A page did not come back, or without a ``request`` a ping; gives whether the server rests from now on.

        Of the pages that a server had when it died the first one says it all.
        """
        since = server.under_way.pop(request, None) if request is not None else None
        if since is not None and since < server.failed_at:
            return False
        fell = not server.resting
        server.failures += 1
        server.failed_at, server.reason, server.resting = self.clock(), reason, True
        if self.none_since is None and not any(other.is_well for other in self.all):
            self.none_since = self.clock()
        return fell

    def rest_of(self, server: Server) -> float:
        """Seconds for which a server that failed is left alone."""
        longest = LONGEST_REST if self.none_since is None else LONGEST_REST_OF_ALL
        rest = min(longest, FIRST_REST * 2.0 ** min(server.failures - 1, 10))
        return rest * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311

    @property
    def are_lost(self) -> bool:
        """None has given a page for as long as the patience lasts, and none is at one that could still come."""
        if self.none_since is None or any(server.under_way for server in self.all):
            return False
        return self.clock() - self.none_since >= self.patience

    def __str__(self) -> str:
        return ", ".join(
            server.url.rstrip("/") + (f" ({server.reason})" if server.failures else "") for server in self.all
        )


_KNOWN: WeakKeyDictionary[Crawler, Servers] = WeakKeyDictionary()


def servers_at(urls: Any, auth: bytes | None) -> list[Server]:
    """The servers of a SPLASH_URL: one or several URLs, with commas or white space between them, or a list.

    ``auth`` is the Authorization header for those without a ``user:password@`` of their own.
    """
    named = re.split(r"[\s,]+", urls.strip(" \t\r\n,")) if isinstance(urls, str) else list(urls)
    servers: dict[str, Server] = {}
    for one in named:
        url, own = without_userinfo(one)
        server = Server(url, own or auth)
        servers.setdefault(server.url, server)
    return list(servers.values())
