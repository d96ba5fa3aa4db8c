"""Memory that Python and the C library have freed: it goes back to the system while no render runs."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Any

IDLE_SECONDS = 1.0  # seconds without a render until memory is returned, which takes some milliseconds


class IdleMemory:
    """A timer that returns memory. Call ``begin_render`` at the start of a render, ``end_renders`` when none runs."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        # Other C libraries than glibc have no such function, and return memory by themselves.
        self._trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def end_renders(self) -> None:
        """Return memory in ``IDLE_SECONDS``, unless a render begins before."""
        if self._trim is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._return_memory)

    def begin_render(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _return_memory(self) -> None:
        self._timer = None
        gc.collect()
        self._trim(0)
