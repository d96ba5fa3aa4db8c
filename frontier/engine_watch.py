"""EngineWatch: whether the broker of WORKERS_URL does its work; it stops the crawl if it does not for too long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from crawler.run.interfaces import PartitionEngine

logger = logging.getLogger("splashdown.workers")

TELL = 30.0  # seconds after which a worker says that the broker does not do its work


class EngineWatch:
    """The state of an engine.

    Args:
        partitions: of the run.
        patience: for so many seconds the worker waits for the broker.
        stop: ends the crawl with this message.
    """

    def __init__(
        self,
        engine: PartitionEngine | None,
        partitions: int,
        *,
        patience: float,
        stop: Callable[[str], None],
    ) -> None:
        self._engine, self._partitions = engine, partitions
        self._patience, self._stop = patience, stop
        self._since: float | None = None  # since when the broker does not do its work
        self._is_told = False
        self._free: frozenset[int] = frozenset()  # partitions that no worker has had since then

    def note_free(self, free: frozenset[int]) -> None:
        """Note which partitions no worker has now. While workers come and go there are some, but not the same ones."""
        still = self._free & free
        if not still and self._engine is not None and self._engine.error is None:
            self._since, self._is_told = None, False
        self._free = still or free

    def check(self) -> None:
        """Stop the crawl if the broker was away, or has given partitions to nobody, for too long."""
        fault = self._fault()
        if fault is None:
            self._since, self._is_told = None, False
            return
        now = time.monotonic()
        self._since = self._since or now
        if now - self._since > self._patience:
            self._stop(f"{fault}, for {self._patience:g} s; or crawl without WORKERS_URL on all machines")
        elif not self._is_told and now - self._since > TELL:
            self._is_told = True
            logger.warning("%s", fault)

    def _fault(self) -> str | None:
        """Return what is wrong with the broker, and what to do; None if nothing is."""
        if self._engine is None:
            return None
        if self._engine.error is not None:
            return f"the broker of WORKERS_URL is away ({self._engine.error}): start it"
        if self._free:
            return (
                f"the broker of WORKERS_URL gives {len(self._free)} of {self._partitions} partitions to no worker: "
                "check it, or name another topic or virtual host"
            )
        return None
