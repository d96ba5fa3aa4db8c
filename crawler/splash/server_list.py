"""The renderers at SPLASH_URL, one or several: which one gets the next page, and from which the crawl backs off."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Self
from weakref import WeakKeyDictionary

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.settings import BaseSettings
from w3lib.http import basic_auth_header

from crawler.security.url_credentials import without_userinfo

DEFAULT_URL = "http://127.0.0.1:8050"  # scrapy-splash's own
DEFAULT_PATIENCE = 60.0

# Seconds for which a server that failed gets no pages: the first time, doubled with each failure in a row up to the
# longest, plus or minus JITTER. While all servers have failed the crawl stands still, so the longest is shorter.
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
LONGEST_BACKOFF_OF_ALL = 2.0
JITTER = 0.25  # a share


def has_renderer(settings: BaseSettings) -> bool:
    """Return whether the crawl has a renderer. Without one the first page that is to be rendered stops it."""
    return bool(settings.get("SPLASH_URL")) or settings.getbool("RENDERER_ENABLED", True)


class Server:
    """A renderer: healthy, backing off after a failure, or on trial with one page after its ping was answered."""

    def __init__(self, url: str, auth: bytes | None = None) -> None:
        """Make a server of a URL without credentials, and of the value of its Authorization header."""
        self.url, self.auth = f"{url.rstrip('/')}/", auth
        self.failures = 0  # in a row, since the last page that it rendered
        self.reason = ""  # of the last failure
        self.additions: frozenset[str] = (
            frozenset()
        )  # its endpoints that Splash does not have, as far as it is known
        self.backing_off = False
        self.turn = 0  # the number of the last turn that it had
        self.failed_at = float("-inf")
        # The requests that it has now, with the time of their start. Weak: another middleware may drop a request.
        self.under_way: WeakKeyDictionary[Request, float] = WeakKeyDictionary()

    @property
    def is_healthy(self) -> bool:
        """Whether it has not failed since the last page that it rendered."""
        return not self.failures

    @property
    def accepts_pages(self) -> bool:
        """Whether it may get a page now; a server on trial accepts one page at a time."""
        return self.is_healthy or (not self.backing_off and not self.under_way)


class Servers:
    """All servers of a crawl: chooses one for the next page, and counts their failures."""

    def __init__(
        self,
        servers: Iterable[Server],
        *,
        patience: float = DEFAULT_PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the list; the servers count as lost when none has answered for ``patience`` seconds."""
        self.all = list(servers)
        self.patience = patience
        self.clock = clock
        self.turns = 0
        self.all_failed_since: float | None = None  # None while at least one of them is healthy

    @classmethod
    def of(cls, crawler: Crawler) -> Self:
        """Return the crawl's servers. The first call reads the settings."""
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
        """Return the server that has the fewest pages now; of several, the one whose last turn is the longest ago.

        Returns a server that does not accept pages only if none does: then the page waits for it.
        """
        return self._least_busy([server for server in self.all if server.accepts_pages] or self.all)

    def _least_busy(self, servers: list[Server]) -> Server:
        self.turns += 1
        server = min(servers, key=lambda server: (len(server.under_way), server.turn))
        server.turn = self.turns
        return server

    def at(self, url: str) -> Server | None:
        """Return the server of the list that answers at this URL; None if there is none."""
        found = (server for server in self.all if f"{url.rstrip('/')}/".startswith(server.url))
        return max(found, key=lambda server: len(server.url), default=None)

    def page_began(self, server: Server, request: Request) -> None:
        """Note that the server has got the request."""
        server.under_way[request] = self.clock()

    def page_rendered(self, server: Server, request: Request) -> bool:
        """Note that the server has answered the request. Return whether the server had failed before."""
        server.under_way.pop(request, None)
        recovered = not server.is_healthy
        self.mark_healthy(server)
        return recovered

    def mark_healthy(self, server: Server) -> None:
        """Forget the server's failures."""
        server.failures, server.backing_off = 0, False
        self.all_failed_since = None

    def failed(self, server: Server, reason: str, request: Request | None = None) -> bool:
        """Note that the server failed: with this request, or without one a ping. Return whether it begins to back off.

        When a server ends, all its pages fail. Only the first of them counts.
        """
        since = server.under_way.pop(request, None) if request is not None else None
        if since is not None and since < server.failed_at:
            return False
        begins = not server.backing_off
        server.failures += 1
        server.failed_at, server.reason, server.backing_off = self.clock(), reason, True
        if self.all_failed_since is None and not any(other.is_healthy for other in self.all):
            self.all_failed_since = self.clock()
        return begins

    def begin_patience_again(self) -> None:
        """Count the patience with servers that are all backing off from now on."""
        self.all_failed_since = self.clock()

    def backoff_seconds(self, server: Server) -> float:
        """Return the seconds for which a server that failed gets no pages and no ping."""
        longest = LONGEST_BACKOFF if self.all_failed_since is None else LONGEST_BACKOFF_OF_ALL
        seconds = min(longest, FIRST_BACKOFF * 2.0 ** min(server.failures - 1, 10))
        return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311

    @property
    def are_lost(self) -> bool:
        """Whether no server has rendered a page for ``patience`` seconds, and none has a page now."""
        if self.all_failed_since is None or any(server.under_way for server in self.all):
            return False
        return self.clock() - self.all_failed_since >= self.patience

    def __str__(self) -> str:
        return ", ".join(
            server.url.rstrip("/") + (f" ({server.reason})" if server.failures else "") for server in self.all
        )


_KNOWN: WeakKeyDictionary[Crawler, Servers] = WeakKeyDictionary()


def servers_at(urls: Any, auth: bytes | None) -> list[Server]:
    """Return the servers of a SPLASH_URL: URLs separated by commas or white space, or a list of URLs.

    Args:
        auth: the Authorization header for URLs without a ``user:password@`` of their own.
    """
    named = re.split(r"[\s,]+", urls.strip(" \t\r\n,")) if isinstance(urls, str) else list(urls)
    servers: dict[str, Server] = {}
    for one in named:
        url, own = without_userinfo(one)
        server = Server(url, own or auth)
        servers.setdefault(server.url, server)
    return list(servers.values())
