"""EndOfRun: whether a shared run is over, as a worker asks the table when it has nothing to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from crawler.run.interfaces import PageWriter
from models.run import ClaimedRun
from models.shared_run import RunPart, look_for_end, note_busy

LOOK = 0.5  # seconds between two looks
# Seconds for which all workers must be idle while requests are left: a worker finds new requests in the table later.
STUCK = 3.0


class EndOfRun:
    """What the last look said.

    Args:
        writer: returns the writer, which is there when the scheduler is open.
        wake: makes the engine ask for requests again.

    Attributes:
        is_over: this worker has nothing more to do in the run.
        is_ours: this worker ends the run.
    """

    def __init__(
        self, run: ClaimedRun, *, writer: Callable[[], PageWriter], wake: Callable[[], None]
    ) -> None:
        self.run = run
        self.is_over = self.is_ours = False
        self._writer, self._wake = writer, wake
        self._is_asking = self._is_idle = False
        self._asked_at = 0.0
        self._stuck_since: float | None = None

    def ask(self) -> None:
        """Look at the table, because this worker has nothing to do."""
        now = time.monotonic()
        if self._is_asking or self.is_over or now - self._asked_at < LOOK:
            return
        self._is_asking = self._is_idle = True
        self._asked_at = now
        self._writer().call(partial(look_for_end, run=self.run), self._answered)

    def _answered(self, part: RunPart) -> None:
        self._is_asking = False
        self.note(part)
        if self.is_over:
            self._wake()
        else:
            asyncio.get_running_loop().call_later(LOOK, self._wake)

    def note(self, part: RunPart) -> None:
        """Note what this worker has to do in the run."""
        self.is_ours = part is RunPart.END
        self.is_over = part in (RunPart.END, RunPart.OVER)
        self._stuck_since = (self._stuck_since or time.monotonic()) if part is RunPart.STUCK else None

    @property
    def is_stuck(self) -> bool:
        """Whether no worker of the run has had anything to do for some seconds, and requests are left."""
        return self._stuck_since is not None and time.monotonic() - self._stuck_since > STUCK

    def begun(self) -> None:
        """Note that this worker makes a request."""
        if self._is_idle:
            self._is_idle, self._stuck_since = False, None
            self._writer().call(partial(note_busy, run=self.run))
