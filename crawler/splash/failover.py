"""A renderer that fails costs no page: it rests, and the page goes to another one, or waits until one is back.

What is the site's fault or a script's is not dealt with here: Splash says so in an answer of its own form.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Self
from weakref import WeakSet

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Response
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost

from crawler.splash.arguments import kept_in_state
from crawler.splash.middlewares import SplashDeduplicateArgsMiddleware
from crawler.splash.ping import ping
from crawler.splash.sent import LOST, TURN, is_sent, page_again
from crawler.splash.servers import Server, Servers
from crawler.stopping import stop_crawl, stopped_because

logger = logging.getLogger("splashdown.renderer")

# What a failure says about the page that the renderer had: nothing if it never got it. Otherwise it may be the page
# that ends renderers, so a page may be lost LIMIT times, and from SUSPECT times on only one such page is rendered
# at a time: then it takes no innocent ones with it. Waiting for a timeout is dear, so three of them are enough.
WEIGHTS: dict[type[BaseException], int] = {
    DownloadConnectionRefusedError: 0,
    CannotResolveHostError: 0,
    ConnectError: 0,
    DownloadTimeoutError: 4,
    DownloadFailedError: 1,
    ResponseDataLossError: 1,
    ConnectionDone: 1,
    ConnectionLost: 1,
}
BAD_ANSWER = 1
SUSPECT = 2
LIMIT = 12

LOOK_SECONDS = 0.2  # between two looks of a waiting page at the servers

GIVEN_BACK = "_splash_given_back"  # in Request.meta: the crawl is ending, and the page stays in the frontier
SETS_STATUS = "set_result_status_code"  # a script with this in it answers with what status it likes


class RendererLost(Exception):
    """No renderer answers, and the crawl is ending for it."""


class FailoverMiddleware:
    """Stands right before the download of requests to Splash, so that the retries never see what it can mend.

    Where there is but one server its pages wait for it.
    """

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats is not None
        self.crawler, self.stats = crawler, crawler.stats
        self.servers = Servers.of(crawler)
        self.suspects: WeakSet[Request] = WeakSet()  # those that are being rendered
        self.probes: set[asyncio.Task[None]] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made = cls(crawler)
        crawler.signals.connect(made.spider_opened, signals.spider_opened)
        crawler.signals.connect(made.spider_closed, signals.spider_closed)
        return made

    def spider_opened(self) -> None:
        for server in self.servers.all:
            if server.resting:  # it did not answer at the start
                self._probe(server)

    def spider_closed(self) -> None:
        for probe in self.probes:
            probe.cancel()

    # --- A page's turn ------------------------------------------------------------------------------------------

    async def process_request(self, request: Request) -> Request | None:
        server = self._server_of(request)
        if server is None:
            return None
        suspect = request.meta.get(LOST, 0) >= SUSPECT
        while not server.takes_pages or (suspect and self.suspects):
            if self._is_ending:
                return self._given_back(request)
            if not server.takes_pages and any(other.takes_pages for other in self.servers.all):
                return page_again(request)
            await asyncio.sleep(LOOK_SECONDS)
        self.servers.began(server, request)
        if suspect:
            self.suspects.add(request)
        return None

    def process_response(self, request: Request, response: Response) -> Request | Response:
        server = self._has(request)
        if server is None:
            return response
        if "cached" in response.flags:
            server.under_way.pop(request)
            return response
        if response.status >= 500 and not self._is_about_the_page(request, response):
            reason = f"it answered {response.status}"
            return self._failed(server, request, reason, str(response.status), BAD_ANSWER) or response
        if self.servers.answered(server, request):
            logger.info("the renderer at %s renders again", server.url)
        return response

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        server = self._has(request)
        if server is None:
            return None
        weight = next((WEIGHTS[kind] for kind in WEIGHTS if isinstance(exception, kind)), None)
        if weight is None:
            server.under_way.pop(request)
            return None
        kind = type(exception).__name__
        return self._failed(server, request, _in_a_line(exception), kind, weight)

    def _server_of(self, request: Request) -> Server | None:
        """The server whose turn it is; None where a spider has named one, which is left to Scrapy's retries."""
        if not is_sent(request) or not request.meta["splash"].get(TURN):
            return None
        return self.servers.at(request.url)

    def _has(self, request: Request) -> Server | None:
        self.suspects.discard(request)
        server = self._server_of(request)
        return server if server is not None and request in server.under_way else None

    # --- What went wrong, and with whom -------------------------------------------------------------------------

    def _is_about_the_page(self, request: Request, response: Response) -> bool:
        """Whether an answer of 500 and more is Splash's own, or a script's: a proxy's, or a dying server's, is not."""
        options = request.meta["splash"]
        known = kept_in_state(self.crawler.spider, SplashDeduplicateArgsMiddleware.local_values_key)
        fingerprint = options.get("_local_arg_fingerprints", {}).get("lua_source")
        if SETS_STATUS in (options["args"].get("lua_source") or known.get(fingerprint) or ""):
            return True
        if response.status == 503:  # our renderer says so when it has no room
            return False
        try:
            answer = json.loads(response.body)
        except ValueError:
            return False
        return isinstance(answer, dict) and "error" in answer and "type" in answer

    def _failed(
        self, server: Server, request: Request, reason: str, kind: str, weight: int
    ) -> Request | None:
        """Rest the server and give the page's request once more; None if it had its share of renderers."""
        self.stats.inc_value(f"renderer/lost_pages/{kind}")
        self._rest(server, reason, request)
        if weight and request.meta.get("dont_retry"):  # the page may have been at the site already
            return None
        lost = request.meta.get(LOST, 0) + weight
        if lost > LIMIT:
            logger.error("%s: it is not tried again, no renderer came through with it", _page_url(request))
            return None
        logger.debug("%s is rendered elsewhere, or later: %s", _page_url(request), reason)
        again = page_again(request)
        again.meta[LOST] = lost
        return again

    def _rest(self, server: Server, reason: str, request: Request | None = None) -> None:
        if self.servers.failed(server, reason, request):
            self.stats.inc_value("renderer/rests")
            others = "its pages wait" if self.servers.none_since is not None else "its pages go to the others"
            logger.warning("the renderer at %s failed (%s); it rests, and %s", server.url, reason, others)
            self._probe(server)
        if self.servers.are_lost:
            message = f"no renderer has answered for {self.servers.patience:g} s: {self.servers}"
            stop_crawl(self.crawler, "renderer_lost", message)

    # --- Bringing a server back ---------------------------------------------------------------------------------

    def _probe(self, server: Server) -> None:
        probe = asyncio.create_task(self._bring_back(server))
        self.probes.add(probe)
        probe.add_done_callback(self.probes.discard)

    async def _bring_back(self, server: Server) -> None:
        """Ping a server after each rest until it answers; then it gets one page, which decides."""
        while True:
            await asyncio.sleep(self.servers.rest_of(server))
            if not server.resting:  # a page that was on its way came back after all
                return
            try:
                await asyncio.to_thread(ping, server.url, server.auth)
            except Exception as error:  # whichever: a server that nobody asks any more would rest for ever
                self._rest(server, _in_a_line(error))
            else:
                server.resting = False
                logger.debug("the renderer at %s answers again and gets a page to try", server.url)
                return

    # --- The crawl ends -----------------------------------------------------------------------------------------

    @property
    def _is_ending(self) -> bool:
        slot: Any = getattr(self.crawler.engine, "_slot", None)
        return slot is None or slot.closing is not None or stopped_because(self.crawler) is not None

    def _given_back(self, request: Request) -> Request:
        """The page's request for the scheduler, which hands out no more: a resumed run has it.

        Raises:
            RendererLost: a callback asked for it (``download_async``), and would ask for ever.
        """
        if request.meta.get(GIVEN_BACK):
            raise RendererLost(f"{_page_url(request)}: no renderer answers, and the crawl is ending")
        page = page_again(request)
        page.meta[GIVEN_BACK] = True
        return page


def _page_url(sent: Request) -> str:
    return str(sent.meta["splash"]["args"].get("url", sent.url))


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
