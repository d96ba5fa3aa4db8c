"""RunWatch: every two seconds a crawl looks in the database for the orders of people for its run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from crawler.run.interfaces import PageWriter
from models.command_name import command
from models.run import ClaimedRun
from models.run_orders import Ordered, carry_out

logger = logging.getLogger("splashdown.run")

LOOK = 2.0  # seconds between two looks


class RunWatch:
    """Carries out the orders for a run: STOP, PAUSE and RESUME.

    Args:
        writer: reads and writes in its transactions.
        stop: stops the crawl as SIGTERM does, and says why. Returns False if the crawl cannot be stopped yet.
        wake: makes the engine ask for requests again.
    """

    def __init__(
        self,
        run: ClaimedRun,
        writer: PageWriter,
        *,
        stop: Callable[[str], bool],
        wake: Callable[[], None],
    ) -> None:
        self.run, self._writer, self._stop, self._wake = run, writer, stop, wake
        self.is_paused = False
        self._stop_reason: str | None = None
        self._is_stopped = self._is_closed = self._is_looking = False
        self._first: asyncio.Future[None] | None = None

    def start(self) -> asyncio.Future[None]:
        """Look at once, and then every two seconds; the future is done when the first look is."""
        self._loop = asyncio.get_running_loop()
        self._first = self._loop.create_future()
        self._tick()
        return self._first

    def close(self) -> None:
        """Look no more: the crawl ends."""
        self._is_closed = True

    def _tick(self) -> None:
        if self._is_closed:
            return
        self._loop.call_later(LOOK, self._tick)
        if self._is_looking:  # the database is away, or busy
            return
        self._is_looking = True
        self._writer.call(partial(carry_out, run=self.run), self._found)

    def _found(self, ordered: Ordered) -> None:
        self._is_looking = False
        if ordered.stopped_by is not None and self._stop_reason is None:
            self._stop_reason = f"stopped by an order of {ordered.stopped_by}"
        self._set_pause(ordered)
        if self._first is not None and not self._first.done():
            self._first.set_result(None)
        self._stop_if_ordered()

    def _set_pause(self, ordered: Ordered) -> None:
        is_paused = ordered.paused_by is not None
        if is_paused == self.is_paused:
            return
        self.is_paused = is_paused
        run = f"run {self.run.id} of {self.run.spider}"
        if ordered.paused_at is not None:
            logger.warning(
                "%s is paused by %s since %s UTC: no new pages; `%s` continues it",
                run,
                ordered.paused_by,
                f"{ordered.paused_at:%F %T}",
                command(f"runs resume {self.run.id}"),
            )
        else:
            logger.warning("%s is not paused any more: it continues", run)
            self._wake()

    def _stop_if_ordered(self) -> None:
        if self._stop_reason is None or self._is_stopped or self._is_closed:
            return
        self._is_stopped = self._stop(self._stop_reason)
        if not self._is_stopped:  # the engine has not started
            self._loop.call_later(0.1, self._stop_if_ordered)
