"""The early end of a crawl, on SIGTERM, SIGINT or an order: it finishes its pages in flight and commits them.

A second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from types import FrameType
from typing import Self
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler
from scrapy.utils.ossignal import install_shutdown_handlers

from crawler.run.verdict import INTERRUPTED
from crawler.stat_names import STOPPED_BECAUSE

logger = logging.getLogger("splashdown.run")

# Seconds after the pages in flight were given up: for the last commit, and for extensions that handle the end.
LAST_SECONDS = 8.0

_KNOWN: WeakKeyDictionary[Crawler, Shutdown] = WeakKeyDictionary()


class Shutdown:
    """Ends a crawl on a signal or an order, with exit code 4. The next crawl resumes the run.

    Pages in flight have SHUTDOWN_TIMEOUT seconds. The requests that are not done then stay in the frontier, leased to
    this process. The next crawl fetches them, since this process is dead then: nothing is lost, however it ends.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.timeout = crawler.settings.getfloat("SHUTDOWN_TIMEOUT", 20.0)
        is_trial = bool(crawler.settings.getint("RUN_TRIAL_PAGES", 0))
        self.what_follows = "no crawl resumes the trial" if is_trial else "the next crawl resumes the run"
        self.begun = False

    @classmethod
    def of(cls, crawler: Crawler) -> Self:
        """Return the crawl's shutdown. The first call reads the settings."""
        if crawler not in _KNOWN:
            _KNOWN[crawler] = cls(crawler)
        return _KNOWN[crawler]  # type: ignore[return-value]

    def install(self) -> None:
        """Install the handlers. Call this in the main thread, before a reactor without its own handlers runs."""
        install_shutdown_handlers(self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        engine = self.crawler._engine  # None while the crawl waits for a renderer
        if self.begun or engine is None or not engine.running:
            # Not through the log: the interrupted code may hold its lock.
            os.write(
                2,
                f"{signal.Signals(number).name}: the crawl ends at once; {self.what_follows}\n".encode(),
            )
            os._exit(INTERRUPTED)
        self.begun = True
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        reactor.callFromThread(self._begin, signal.Signals(number).name)

    def stop(self, reason: str) -> bool:
        """End the crawl for this reason, as a signal does; a signal from now on ends it at once. Call it on the loop.

        Returns False, and does nothing, if the crawl has not started.
        """
        engine = self.crawler._engine
        if engine is None or not engine.running:
            return False
        if not self.begun:
            self.begun = True
            assert self.crawler.stats is not None
            if self.crawler.stats.get_value(STOPPED_BECAUSE) is None:
                self.crawler.stats.set_value(STOPPED_BECAUSE, reason)
            self._begin(reason, "a signal ends the crawl at once")
        return True

    def _begin(self, name: str, what_else: str = "a second signal ends the crawl at once") -> None:
        logger.warning(
            "%s: no new pages; pages in flight have %g s; %s",
            name,
            self.timeout,
            what_else,
        )
        loop = asyncio.get_running_loop()
        loop.call_later(self.timeout, self._give_up_pages)
        loop.call_later(self.timeout + LAST_SECONDS, self._end_now)
        self._stopping = asyncio.ensure_future(self.crawler.stop_async())

    def _give_up_pages(self) -> None:
        """Remove the requests that the engine waits for, so that it ends."""
        engine = self.crawler.engine
        slot = engine._slot if engine is not None else None
        if slot is None or not slot.inprogress:
            return
        logger.warning("%d pages in flight are left to the next crawl", len(slot.inprogress))
        slot.inprogress.clear()
        slot._maybe_fire_closing()

    def _end_now(self) -> None:
        logger.error("the crawl hangs, so its process ends now; %s", self.what_follows)
        logging.shutdown()
        os._exit(INTERRUPTED)
