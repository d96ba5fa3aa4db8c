"""SIGTERM and SIGINT: no new pages, a while for those in flight, everything committed. A second one ends at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from types import FrameType

from scrapy.crawler import Crawler
from scrapy.utils.ossignal import install_shutdown_handlers

from crawler.verdict import INTERRUPTED

logger = logging.getLogger("splashdown.run")

# After the pages in flight were given up: for the last commit, and for whoever hears of the crawl's end.
LAST_SECONDS = 8.0


class Shutdown:
    """Ends a crawl on a signal, with exit code 4 and a run that the next start resumes.

    Pages that are in flight have SHUTDOWN_TIMEOUT seconds. What is not done by then is left as it is in the frontier,
    leased to a process that will be dead: nothing is lost, however the process ends.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.timeout = crawler.settings.getfloat("SHUTDOWN_TIMEOUT", 20.0)
        self.begun = False

    def install(self) -> None:
        """To be called in the main thread, before the reactor runs without handlers of its own."""
        install_shutdown_handlers(self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        engine = self.crawler._engine  # which is not there yet while the crawl waits for a renderer
        if self.begun or engine is None or not engine.running:
            # Not through the log: the interrupted code may be writing to it.
            os.write(2, f"{signal.Signals(number).name}: the crawl ends at once, to be resumed\n".encode())
            os._exit(INTERRUPTED)
        self.begun = True
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        reactor.callFromThread(self._begin, signal.Signals(number).name)

    def _begin(self, name: str) -> None:
        logger.warning(
            "%s: no new pages; those in flight have %g s; once more ends the crawl at once",
            name,
            self.timeout,
        )
        loop = asyncio.get_running_loop()
        loop.call_later(self.timeout, self._give_up_pages)
        loop.call_later(self.timeout + LAST_SECONDS, self._end_now)
        self._stopping = asyncio.ensure_future(self.crawler.stop_async())

    def _give_up_pages(self) -> None:
        """The engine waits for its requests; it is told that there are none."""
        engine = self.crawler.engine
        slot = engine._slot if engine is not None else None
        if slot is None or not slot.inprogress:
            return
        logger.warning("%d pages in flight are left to the next start", len(slot.inprogress))
        slot.inprogress.clear()
        slot._maybe_fire_closing()

    def _end_now(self) -> None:
        logger.error("the crawl does not come to its end, and is ended; the next start resumes it")
        logging.shutdown()
        os._exit(INTERRUPTED)
