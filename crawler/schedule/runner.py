"""Runner: cron for a container. It starts each spider at its time, logs its exit code, and ends its crawls."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tzlocal import get_localzone

from crawler.run.verdict import ALREADY_RUNNING, WORDS
from crawler.schedule.expression import CronExpression

logger = logging.getLogger("splashdown.schedule")

LONGEST_SLEEP = 30.0  # seconds; someone may set the clock, and the machine may sleep


def local_now() -> datetime:
    return datetime.now(get_localzone())


class Runner:
    """Starts crawls until SIGTERM or SIGINT; then it sends SIGTERM to its crawls and waits for them.

    A spider never has two crawls at a time: a time that comes while its last crawl still runs is left out.

    Args:
        schedules: the schedule of each spider.
        command: returns the command of a spider's crawl.
        cwd: the working directory of the crawls.
        interrupted: the spiders that start at once, since they have an unfinished run.
        lease: seconds in which a crawl that has died may still look alive.
        now: the clock.
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
                group.create_task(self._run_spider(name))

    def stop(self) -> None:
        """Start no more crawls and send SIGTERM to the running ones; a second SIGTERM ends a crawl at once."""
        waiting_for = ", ".join(sorted(self.children)) or "nothing"
        logger.info("the schedule stops; it waits for %s", waiting_for)
        self.stopping.set()
        for child in self.children.values():
            child.terminate()

    async def _run_spider(self, name: str) -> None:
        expression = self.schedules[name]
        if name in self.interrupted:
            logger.info("%s was interrupted and is resumed", name)
            code = await self._crawl(name)
            # A process that died on another host or in another container owns the run until its lease is over.
            if code == ALREADY_RUNNING and not await self._stops_within(self.lease + 1):
                await self._crawl(name)
        due = expression.after(self.now())
        logger.info("%s runs at %s, next at %s", name, expression, shown(due))
        while not await self._stops_before(due):
            await self._crawl(name)
            now = self.now()
            if expression.after(due) <= now:
                logger.warning("%s still ran at its next time, which is left out", name)
            due = expression.after(now)
            if not self.stopping.is_set():
                logger.info("%s runs next at %s", name, shown(due))

    async def _crawl(self, name: str) -> int:
        """Run a crawl and return its exit code; if a signal ended it, 128 and the signal's number, as a shell does."""
        if self.stopping.is_set():
            return 0
        started = time.monotonic()
        # In a session of its own: Ctrl-C reaches only this process, which passes it on once.
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
            WORDS.get(code, "ended by something else"),
            time.monotonic() - started,
        )
        return code

    async def _stops_before(self, due: datetime) -> bool:
        """Wait until ``due``; return True if the runner stops before."""
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


def shown(due: datetime) -> str:
    return f"{due:%F %H:%M %Z}".rstrip()
