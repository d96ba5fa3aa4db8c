"""Failover: when a renderer fails, it gets no pages for a while, and its pages go to another one or wait for it.

Failures of the site or of a script are not handled here: Splash reports them in answers of its own form.
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

from crawler.meta_keys import GIVEN_BACK, RENDERER_FAILURES
from crawler.run.extension import RunExtension
from crawler.run.stopping import stop_crawl, stopped_because
from crawler.splash.cache_args import state_dict
from crawler.splash.middlewares import SplashDeduplicateArgsMiddleware
from crawler.splash.ping import ping
from crawler.splash.request_mapping import TURN, is_splash_request, rendered_url, restore_page_request
from crawler.splash.server_list import Server, Servers, has_renderer

logger = logging.getLogger("splashdown.renderer")

# How much each failure counts against the page that the renderer had: 0 if the renderer never got the page. The page
# itself may be the reason that renderers end. So a page's retry budget is LIMIT, and pages with a count of SUSPECT or
# more are rendered one at a time, so that no other page is lost with them. Timeouts take long, so they count more.
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

POLL_SECONDS = 0.2  # between two checks of a waiting page for a server

SETS_STATUS = "set_result_status_code"  # a script that calls this may answer with any status


class RendererLost(Exception):
    """No renderer answers, and the crawl is ending because of it."""


class FailoverMiddleware:
    """The last downloader middleware before the download, so that RetryMiddleware does not see a renderer's failures.

    With only one server, its pages wait for it.
    """

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats is not None
        self.crawler, self.stats = crawler, crawler.stats
        self.servers = Servers.of(crawler)
        self.has_renderer = has_renderer(crawler.settings)
        self.suspects: WeakSet[Request] = WeakSet()  # suspect pages that a renderer has now
        self.probes: set[asyncio.Task[None]] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made = cls(crawler)
        crawler.signals.connect(made.spider_opened, signals.spider_opened)
        crawler.signals.connect(made.spider_closed, signals.spider_closed)
        return made

    def spider_opened(self) -> None:
        for server in self.servers.all:
            if server.backing_off:  # it did not answer at the start
                self._probe(server)

    def spider_closed(self) -> None:
        for probe in self.probes:
            probe.cancel()

    # --- Requests and responses ---------------------------------------------------------------------------------

    async def process_request(self, request: Request) -> Request | None:
        """Wait until the request's server accepts pages; return the page's request if another server does."""
        server = self._server_of(request)
        if server is None:
            return None
        if not self.has_renderer:
            what = f"RENDERER_ENABLED is off, and {rendered_url(request)} is to be rendered"
            stop_crawl(self.crawler, "no_renderer", f"{what}: remove the setting, or make a scrapy.Request")
            return self._return_to_frontier(request)
        suspect = RENDERER_FAILURES.get(request, 0) >= SUSPECT
        while not server.accepts_pages or (suspect and self.suspects):
            if self._is_ending:
                return self._return_to_frontier(request)
            if not server.accepts_pages and any(other.accepts_pages for other in self.servers.all):
                return restore_page_request(request)
            await asyncio.sleep(POLL_SECONDS)
        self.servers.page_began(server, request)
        if suspect:
            self.suspects.add(request)
        return None

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return the response, or the page's request if the answer is a failure of the renderer."""
        server = self._server_with(request)
        if server is None:
            return response
        if "cached" in response.flags:
            server.under_way.pop(request)
            return response
        if response.status >= 500 and not self._is_fault_of_page(request, response):
            reason = f"it answered {response.status}"
            return self._failed(server, request, reason, str(response.status), BAD_ANSWER) or response
        if self.servers.page_rendered(server, request):
            logger.info("the renderer at %s renders again", server.url)
        return response

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Return the page's request if the renderer failed; None for RetryMiddleware to handle the exception."""
        server = self._server_with(request)
        if server is None:
            return None
        weight = next((WEIGHTS[kind] for kind in WEIGHTS if isinstance(exception, kind)), None)
        if weight is None:
            server.under_way.pop(request)
            return None
        kind = type(exception).__name__
        return self._failed(server, request, _one_line(exception), kind, weight)

    def _server_of(self, request: Request) -> Server | None:
        """Return the server that the request goes to; None if the spider named it, so that there is no failover."""
        if not is_splash_request(request) or not request.meta["splash"].get(TURN):
            return None
        return self.servers.at(request.url)

    def _server_with(self, request: Request) -> Server | None:
        """Return the server that has the request now; None if no server has it."""
        self.suspects.discard(request)
        server = self._server_of(request)
        return server if server is not None and request in server.under_way else None

    # --- Failures -----------------------------------------------------------------------------------------------

    def _is_fault_of_page(self, request: Request, response: Response) -> bool:
        """Return whether Splash or a script made this answer of 500 or more, not a proxy or a server that is ending."""
        options = request.meta["splash"]
        known = state_dict(self.crawler.spider, SplashDeduplicateArgsMiddleware.local_values_key)
        fingerprint = options.get("_local_arg_fingerprints", {}).get("lua_source")
        if SETS_STATUS in (options["args"].get("lua_source") or known.get(fingerprint) or ""):
            return True
        if response.status == 503:  # our renderer answers so when it has no free tab
            return False
        try:
            answer = json.loads(response.body)
        except ValueError:
            return False
        return isinstance(answer, dict) and "error" in answer and "type" in answer

    def _failed(
        self, server: Server, request: Request, reason: str, kind: str, weight: int
    ) -> Request | None:
        """Back off from the server and return the page's request for another try; None if it may not be retried."""
        self.stats.inc_value(f"renderer/lost_pages/{kind}")
        self._back_off(server, reason, request)
        if weight and request.meta.get("dont_retry"):  # the site may have had the request already
            return None
        lost = RENDERER_FAILURES.get(request, 0) + weight
        if lost > LIMIT:
            logger.error(
                "%s: retry budget exhausted: each renderer that had this page failed", rendered_url(request)
            )
            return None
        logger.debug("%s: retrying on another renderer, or later: %s", rendered_url(request), reason)
        again = restore_page_request(request)
        RENDERER_FAILURES.set(again, lost)
        return again

    def _back_off(self, server: Server, reason: str, request: Request | None = None) -> None:
        if self.servers.failed(server, reason, request):
            self.stats.inc_value("renderer/rests")
            is_last = self.servers.all_failed_since is not None
            pages = "its pages wait" if is_last else "its pages go to the others"
            logger.warning("the renderer at %s failed (%s); backing off, %s", server.url, reason, pages)
            self._probe(server)
        if self.servers.are_lost:
            if (run := RunExtension.of(self.crawler)) is not None and run.is_paused:
                self.servers.begin_patience_again()  # a person looks at the run
                return
            message = f"no renderer has answered for {self.servers.patience:g} s: {self.servers}"
            stop_crawl(self.crawler, "renderer_lost", message)

    # --- Probing a server ---------------------------------------------------------------------------------------

    def _probe(self, server: Server) -> None:
        probe = asyncio.create_task(self._ping_until_it_answers(server))
        self.probes.add(probe)
        probe.add_done_callback(self.probes.discard)

    async def _ping_until_it_answers(self, server: Server) -> None:
        """Wait for ``backoff_seconds`` and ping the server, until it answers. Then it gets one page as a trial."""
        while True:
            await asyncio.sleep(self.servers.backoff_seconds(server))
            if not server.backing_off:  # it answered a page that it had got before
                return
            try:
                server.additions = await asyncio.to_thread(ping, server.url, server.auth)
            except Exception as error:  # any: without this loop nothing would ever ask the server again
                self._back_off(server, _one_line(error))
            else:
                server.backing_off = False
                logger.debug("the renderer at %s answers again and gets one page as a trial", server.url)
                return

    # --- The crawl ends -----------------------------------------------------------------------------------------

    @property
    def _is_ending(self) -> bool:
        slot: Any = getattr(self.crawler.engine, "_slot", None)
        return slot is None or slot.closing is not None or stopped_because(self.crawler) is not None

    def _return_to_frontier(self, request: Request) -> Request:
        """Return the page's request. The scheduler keeps it, and a resumed run makes it.

        Raises:
            RendererLost: a callback waits for it (``download_async``), and would wait for ever.
        """
        if GIVEN_BACK.get(request):
            raise RendererLost(f"{rendered_url(request)}: no renderer answers, and the crawl is ending")
        page = restore_page_request(request)
        GIVEN_BACK.set(page, True)
        return page


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
