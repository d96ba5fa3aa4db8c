"""The hosts that asked the crawl to wait: none of their requests is made before that time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from crawler.run.interfaces import PageWriter
from frontier.window import Window

MOST_WAITS = 5  # waits after which the answer to a request stands: a retry, and then a failed page


class HostWaits:
    """Pauses hosts in the window, and stores until when.

    Args:
        patience: the seconds that a crawl waits if all of its requests are for hosts that asked to wait.
        writer: returns the writer, which is there when the scheduler is open.
        wake: makes the engine ask for requests again.
    """

    def __init__(
        self,
        window: Window,
        *,
        patience: float,
        writer: Callable[[], PageWriter],
        wake: Callable[[], None],
    ) -> None:
        self.patience = patience
        self._window, self._writer, self._wake = window, writer, wake
        self._until: dict[str, float] = {}  # of the event loop's clock
        self._waits: dict[int, int] = {}  # by the number of the request

    def __contains__(self, host: str) -> bool:
        return host in self._until

    @property
    def hosts(self) -> list[str]:
        """The hosts that may not be asked now."""
        return list(self._until)

    def recover(self, waits: Mapping[str, float]) -> None:
        """Pause the hosts that asked an earlier process to wait; the values are seconds from now."""
        for host, seconds in waits.items():
            self._pause(host, seconds)

    def wait(self, host: str, seconds: float) -> None:
        """Make no request of the host for so many seconds. A longer wait that it asked for before stays."""
        if self._pause(host, seconds):
            self._writer().wait_for_host(host, seconds)

    def back_off(self, host: str, seconds: float) -> None:
        """Make no request of the host for so many seconds, which this process has chosen: they are not stored."""
        self._pause(host, seconds)

    def may_wait_again(self, number: int) -> bool:
        """Count that the request with this number waits for its host. Return False if it has waited too often."""
        self._waits[number] = self._waits.get(number, 0) + 1
        return self._waits[number] <= MOST_WAITS

    def too_long(self) -> str | None:
        """Return why it takes too long until a host may be asked; None if the crawl should wait for the first one."""
        if not self._until:
            return None
        now = asyncio.get_running_loop().time()
        host, until = min(self._until.items(), key=lambda pair: pair[1])
        if until - now <= self.patience:
            return None
        when = datetime.now(UTC) + timedelta(seconds=until - now)
        others = f" (and {len(self._until) - 1} more hosts longer)" if len(self._until) > 1 else ""
        return (
            f"{host} asked to wait until {when:%Y-%m-%d %H:%M:%S} UTC{others}, which is longer than HOST_PATIENCE "
            f"({self.patience:g} s), and all pages that are left wait for it; a crawl after that time resumes the run"
        )

    def _pause(self, host: str, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if seconds <= 0 or until <= self._until.get(host, 0.0):
            return False
        self._until[host] = until
        self._window.pause(host)
        loop.call_at(until, self._resume, host, until)
        return True

    def _resume(self, host: str, until: float) -> None:
        if self._until.get(host) == until:  # it did not ask for a longer wait since
            del self._until[host]
            self._window.resume(host)
            self._wake()
