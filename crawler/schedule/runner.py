"""Cron for a container: starts each spider at its time, says how it ended, and takes its crawls along when it ends."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tzlocal import get_localzone

from crawler.schedule.expression import CronExpression
from crawler.verdict import ALREADY_RUNNING, WORDS

logger = logging.getLogger("splashdown.schedule")

LONGEST_SLEEP = 30.0  # seconds; the clock may be set meanwhile, and the machine may sleep


def local_now() -> datetime:
    return datetime.now(get_localzone())


class Runner:
    """Runs until SIGTERM or SIGINT, which it passes on to its crawls and then waits for them.

    ``command`` gives the command of a spider's crawl. A spider is never started while its last crawl still runs: what
    came due meanwhile is left out. The spiders in ``interrupted`` are started at once, for there is something
    to be gone on with. ``lease`` is how many seconds a crawl that has died may still look alive.
    """

    def __init__(
        self,
        schedules: Mapping[str, CronExpression],
        command: Callable[[str], Sequence[str]],
        *,
        cwd: Path,
        interrupted: Collection[str] = (),
        lease: float = 30.0,
        now: Callable[[], datetime] = local_now,
    ) -> None:
        self.schedules = schedules
        self.command = command
        self.cwd = cwd
        self.interrupted = interrupted
        self.lease = lease
        self.now = now
        self.stopping = asyncio.Event()
        self.children: dict[str, asyncio.subprocess.Process] = {}

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        async with asyncio.TaskGroup() as group:
            for name in self.schedules:
                group.create_task(self._keep(name))

    def stop(self) -> None:
        """Start nothing more and tell the crawls to stop; told again, a crawl stops at once."""
        waiting_for = ", ".join(sorted(self.children)) or "nothing"
        logger.info("told to stop; waits for %s", waiting_for)
        self.stopping.set()
        for child in self.children.values():
            child.terminate()

    async def _keep(self, name: str) -> None:
        expression = self.schedules[name]
        if name in self.interrupted:
            logger.info("%s was interrupted and goes on", name)
            code = await self._crawl(name)
            # Who died on another host, or in a container that is gone, holds the run until its lease is over.
            if code == ALREADY_RUNNING and not await self._stops_within(self.lease + 1):
                await self._crawl(name)
        due = expression.after(self.now())
        logger.info("%s runs at %s, the next time %s", name, expression, shown(due))
        while not await self._stops_before(due):
            await self._crawl(name)
            now = self.now()
            if expression.after(due) <= now:
                logger.warning("%s ran past its next time, which is left out", name)
            due = expression.after(now)
            if not self.stopping.is_set():
                logger.info("%s: the next time %s", name, shown(due))

    async def _crawl(self, name: str) -> int:
        """The exit code; 128 and the signal's number, as a shell has it, where one ended the crawl."""
        if self.stopping.is_set():
            return 0
        started = time.monotonic()
        # A session of its own: Ctrl-C is for us, who pass it on once.
        child = await asyncio.create_subprocess_exec(
            *self.command(name), cwd=self.cwd, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        self.children[name] = child
        logger.info("%s begins, process %d", name, child.pid)
        if self.stopping.is_set():
            child.terminate()
        try:
            code = await child.wait()
        finally:
            del self.children[name]
        code = 128 - code if code < 0 else code
        logger.log(
            logging.WARNING if code else logging.INFO,
            "%s ended with exit code %d (%s) after %.0f s",
            name,
            code,
            WORDS.get(code, "not by itself"),
            time.monotonic() - started,
        )
        return code

    async def _stops_before(self, due: datetime) -> bool:
        """Wait for a moment; True if we are to stop instead."""
        while (seconds := (due - self.now()).total_seconds()) > 0:
            if await self._stops_within(min(seconds, LONGEST_SLEEP)):
                return True
        return self.stopping.is_set()

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return False
        return True


def shown(moment: datetime) -> str:
    return f"{moment:%F %H:%M %Z}".rstrip()
