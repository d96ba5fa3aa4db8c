"""The early end of a crawl, on SIGTERM, SIGINT or an order: it finishes its pages in flight and commits them.

A second signal ends it at once. A crawl that has not started yet ends at once, too. Only a worker that has joined a
shared run starts, and leaves it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from enum import Enum
from types import FrameType
from typing import Self
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler
from scrapy.utils.ossignal import install_shutdown_handlers

from crawler.run.stopping import has_joined
from crawler.run.verdict import GOOD, INTERRUPTED
from crawler.stat_names import STOPPED_BECAUSE

logger = logging.getLogger("splashdown.run")

# Seconds after the pages in flight were given up: for the last commit, and for extensions that handle the end.
LAST_SECONDS = 8.0
START_LOOK = 0.05  # seconds between two looks whether the crawl has started


class Reaction(Enum):
    """What a crawl does on a signal."""

    FINISH = "finish the pages in flight"
    START_FIRST = "start, and then leave the shared run"
    END = "end at once, with exit code 4"
    END_WELL = "end at once, with exit code 0"


def reaction_to_signal(*, is_second: bool, is_running: bool, is_shared: bool, has_joined: bool) -> Reaction:
    """Return what a crawl does on a signal.

    Args:
        is_second: it is not the first signal.
        is_running: the crawl has started.
        is_shared: the crawl is a worker of a shared run, or will be.
        has_joined: the worker joins the run, or has joined it.
    """
    if is_second:
        return Reaction.END
    if is_running:
        return Reaction.FINISH
    if has_joined:
        return Reaction.START_FIRST
    return Reaction.END_WELL if is_shared else Reaction.END


_KNOWN: WeakKeyDictionary[Crawler, Shutdown] = WeakKeyDictionary()


class Shutdown:
    """Ends a crawl on a signal or an order, with exit code 4. The next crawl resumes the run. A worker leaves its run.

    Pages in flight have SHUTDOWN_TIMEOUT seconds. The requests that are not done then stay in the frontier, leased to
    this process. The next crawl fetches them, since this process is dead then: nothing is lost, however it ends.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.timeout = crawler.settings.getfloat("SHUTDOWN_TIMEOUT", 20.0)
        is_trial = bool(crawler.settings.getint("RUN_TRIAL_PAGES", 0))
        self.what_follows = "no crawl resumes the trial" if is_trial else "the next crawl resumes the run"
        self.is_shared = crawler.settings.getbool("RUN_SHARED", False)
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
        name = signal.Signals(number).name
        reaction = reaction_to_signal(
            is_second=self.begun,
            is_running=self._is_running,
            is_shared=self.is_shared,
            has_joined=has_joined(self.crawler),
        )
        # Not through the log: the interrupted code may hold its lock.
        if reaction is Reaction.END:
            os.write(2, f"{name}: the crawl ends at once; {self.what_follows}\n".encode())
            os._exit(INTERRUPTED)
        if reaction is Reaction.END_WELL:
            os.write(2, f"{name}: the worker ends before it joins the run\n".encode())
            os._exit(GOOD)
        self.begun = True
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        reactor.callFromThread(self._begin if reaction is Reaction.FINISH else self._start_first, name)

    @property
    def _is_running(self) -> bool:
        engine = self.crawler._engine  # None while the crawl waits for a renderer
        return engine is not None and engine.running

    def _start_first(self, name: str) -> None:
        """Begin when the crawl has started: only then can it leave the run that it has joined."""
        logger.warning("%s: the worker leaves the run as soon as it has started", name)
        loop = asyncio.get_running_loop()
        loop.call_later(self.timeout + LAST_SECONDS, self._end_now)

        def look() -> None:
            if self._is_running:
                self._begin(name)
            else:
                loop.call_later(START_LOOK, look)

        look()

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
