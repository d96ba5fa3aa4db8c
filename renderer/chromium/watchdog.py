"""The watchdog: it notices a Chromium that hangs, which is a process that runs and sends nothing any more.

A tab that is busy for ever is not a Chromium that hangs: the browser process still answers. A machine that is so busy
that Chromium gets no processor time is not one either. So silence alone proves nothing, and the watchdog also looks at
the states of Chromium's threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from renderer.chromium.cdp import CommandFailed, Connection, Params, TargetGone

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two checks
# Each check of a Chromium that does not answer adds to the suspicion; at LIMIT, Chromium hangs. That is after 2 checks
# if a process is stopped, after 3 if Chromium is idle, and after 30 if it computes, or waits for a processor or a disk.
LIMIT = 3.0
STOPPED, IDLE, BUSY = 2.0, 1.0, 0.1
# Seconds that a browser process has for its answer to ``answers``.
ANSWER_TIMEOUT = 2.0

_BUSY = frozenset("RD")  # states of /proc: runs or waits for a processor, waits for a disk
_STOPPED = "T"


class Watchdog:
    """Checks a Chromium once a second while it is needed, from ``wake`` on, and calls ``on_hung`` if it hangs."""

    def __init__(
        self, pid: int, connection: Connection, is_needed: Callable[[], bool], on_hung: Callable[[str], None]
    ) -> None:
        self._pid, self._connection = pid, connection
        self._is_needed, self._on_hung = is_needed, on_hung
        self._task: asyncio.Task[None] | None = None
        self._question: asyncio.Future[Params] | None = None
        self._suspicion = 0.0

    @property
    def is_suspicious(self) -> bool:
        """Whether Chromium has not answered for longer than a busy machine explains."""
        return self._suspicion >= IDLE

    def wake(self) -> None:
        """Check Chromium from now on, for as long as it is needed or does not answer."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while (self._is_needed() or self._suspicion) and self._connection.is_open:
            alive_at = self._connection.alive_at
            # The number of checks counts, not the time: the renderer itself may get no processor time for seconds.
            await asyncio.sleep(INTERVAL)
            reason = await self._check(is_silent=self._connection.alive_at == alive_at)
            if self._suspicion >= LIMIT and self._connection.is_open:
                self._on_hung(reason)
                return

    async def _check(self, *, is_silent: bool) -> str:
        """Send a command to a silent Chromium, or add to the suspicion if it did not answer; return the reason."""
        if not is_silent and not self._suspicion:
            return ""
        if stopped := await asyncio.to_thread(stopped_processes, self._pid):
            self._suspicion += STOPPED
            return f"its process {stopped[0]} is stopped"
        if not is_silent:
            self._suspicion = 0.0
        elif self._question is not None and not self._question.done():
            self._suspicion += BUSY if await asyncio.to_thread(is_busy, self._pid) else IDLE
        else:
            self._question = self._connection.browser.send("Browser.getVersion")
        return "it does not answer"

    async def answers(self) -> bool:
        """Return whether Chromium works: it was active in the last second, or it answers a command.

        If it does not answer, the watchdog checks it from then on.
        """
        if self._suspicion:
            return not self.is_suspicious
        if asyncio.get_running_loop().time() - self._connection.alive_at < INTERVAL:
            return True
        if await asyncio.to_thread(stopped_processes, self._pid):
            self._suspect()
            return False
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._connection.browser.call("Browser.getVersion")
        except TimeoutError:
            self._suspect()
            # If Chromium is busy, it may work: perhaps it only gets no processor time.
            return await asyncio.to_thread(is_busy, self._pid)
        except (CommandFailed, TargetGone):
            return False
        return True

    def _suspect(self) -> None:
        self._suspicion = max(self._suspicion, BUSY)
        self.wake()

    async def may_hang(self) -> bool:
        """Return whether Chromium may hang, so that a render's timeout is perhaps not the page's fault."""
        return self.is_suspicious or bool(await asyncio.to_thread(stopped_processes, self._pid))


def is_busy(leader: int) -> bool:
    """Return whether a thread of this session is busy, except those of tabs, which pages may keep busy for ever."""
    return any(
        _stat(thread)[0] in _BUSY
        for process in _processes(leader)
        if not _is_tab(process)
        for thread in _listed(process / "task")
    )


def stopped_processes(leader: int) -> list[int]:
    """Return the pids of a session's processes that a signal like SIGSTOP has stopped."""
    return [int(process.name) for process in _processes(leader) if _stat(process)[0] == _STOPPED]


def _processes(leader: int) -> list[Path]:
    return [folder for folder in Path("/proc").glob("[0-9]*") if _stat(folder)[1] == leader]


def _is_tab(process: Path) -> bool:
    try:
        return b"--type=renderer" in (process / "cmdline").read_bytes()
    except OSError:
        return True


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _stat(folder: Path) -> tuple[str, int]:
    """Return the state and the session of a process or thread; an empty text and 0 if it has ended."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[3])
